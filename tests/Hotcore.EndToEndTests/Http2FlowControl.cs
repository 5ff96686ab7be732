using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 5.2 and 6.9: no side sends more than the other has room for.</summary>
public class Http2FlowControl(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int DefaultWindow = 65_535;
    private const uint LargestWindow = 0x7fffffff;

    private static readonly Http2Options Grudging = new() { GrantsWindows = false };

    [Fact]
    public async Task An_answer_stops_where_the_windows_end_and_goes_on_as_they_are_granted()
    {
        const int length = 150_000;
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', length)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http, Grudging);

        // The client fails at the first byte beyond.
        var stream = await client.Request(domain);
        await client.Until(() => stream.BodyLength == DefaultWindow, "as much as the windows hold");
        await client.Send(WindowUpdate(1, 1_000_000));
        await client.ExpectPong();
        Assert.Equal(DefaultWindow, stream.BodyLength);
        await client.Send(WindowUpdate(0, 10_000));
        await client.Until(() => stream.BodyLength == DefaultWindow + 10_000, "what the connection's window holds");
        await client.ExpectPong();
        await client.Send(WindowUpdate(0, 1_000_000));
        await client.ReadAnswer(stream);

        Assert.Equal(length, stream.BodyLength);
    }

    [Fact]
    public async Task The_window_of_one_stream_is_not_that_of_another()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', 100_000)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http, Grudging);
        await client.Send(WindowUpdate(0, 1_000_000));

        var first = await client.Request(domain);
        var second = await client.Request(domain);
        await client.Until(
            () => first.BodyLength == DefaultWindow && second.BodyLength == DefaultWindow, "both windows' worth");
        await client.Send(WindowUpdate(second.Id, 50_000));
        await client.ReadAnswer(second);
        Assert.Equal(DefaultWindow, first.BodyLength);
        await client.Send(WindowUpdate(first.Id, 50_000));
        await client.ReadAnswer(first);

        Assert.Equal((100_000, 100_000), (first.BodyLength, second.BodyLength));
    }

    [Fact]
    public async Task With_an_initial_window_of_nothing_the_head_comes_and_then_byte_after_byte()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("hello"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, Grudging with { Settings = [(Http2Setting.InitialWindowSize, 0)] });

        var stream = await client.Request(domain);
        await client.ReadHead(stream);
        await client.ExpectPong();
        Assert.Equal(0, stream.BodyLength);
        for (var i = 1; i <= 5; i++)
        {
            await client.Send(WindowUpdate(stream.Id, 1));
            await client.Until(() => stream.BodyLength == i, $"byte {i}");
        }
        await client.ReadAnswer(stream);

        Assert.Equal("hello", stream.Text);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: a\r\n\r\n")]
    public async Task An_answer_without_a_body_needs_no_window(string answer)
    {
        await using var upstream = TestUpstream.Answering(_ => answer);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, Grudging with { Settings = [(Http2Setting.InitialWindowSize, 0)] });

        Assert.Equal(0, (await client.Get(domain)).BodyLength);
    }

    [Fact]
    public async Task A_larger_initial_window_sets_open_streams_going()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', 30_000)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, Grudging with { Settings = [(Http2Setting.InitialWindowSize, 0)] });
        var first = await client.Request(domain);
        var second = await client.Request(domain);
        await client.ReadHead(first);
        await client.ReadHead(second);

        await client.Send(Settings((Http2Setting.InitialWindowSize, 1)));
        await client.Until(() => first.BodyLength == 1 && second.BodyLength == 1, "a byte on each");
        await client.Send(Settings((Http2Setting.InitialWindowSize, 30_000)));
        await client.ReadAnswer(first);
        await client.ReadAnswer(second);

        Assert.Equal((30_000, 30_000), (first.BodyLength, second.BodyLength));
    }

    [Fact]
    public async Task A_smaller_initial_window_can_leave_a_stream_with_less_than_nothing()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', 2_000)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, Grudging with { Settings = [(Http2Setting.InitialWindowSize, 1_000)] });
        var stream = await client.Request(domain);
        await client.Until(() => stream.BodyLength == 1_000, "the window's worth");

        // 1,000 sent of 100: 900 less than nothing. Granting 900 makes nothing, and one more a byte.
        await client.Send(Settings((Http2Setting.InitialWindowSize, 100)));
        await client.Send(WindowUpdate(stream.Id, 900));
        await client.ExpectPong();
        Assert.Equal(1_000, stream.BodyLength);
        await client.Send(WindowUpdate(stream.Id, 1));
        await client.Until(() => stream.BodyLength == 1_001, "one byte more");
        await client.ExpectPong();
        Assert.Equal(1_001, stream.BodyLength);
        await client.Send(WindowUpdate(stream.Id, 999));
        await client.ReadAnswer(stream);

        Assert.Equal(2_000, stream.BodyLength);
    }

    [Fact]
    public async Task The_initial_window_is_none_of_the_connections()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', 200_000)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, Grudging with { Settings = [(Http2Setting.InitialWindowSize, 1_000_000)] });

        var stream = await client.Request(domain);
        await client.Until(() => stream.BodyLength == DefaultWindow, "the connection's window's worth");
        await client.ExpectPong();

        Assert.Equal(DefaultWindow, stream.BodyLength);
    }

    [Fact]
    public async Task An_increment_of_nothing_is_an_error_of_its_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(WindowUpdate(stream.Id, 0));

        await client.ExpectError(stream.Id, ProtocolError);
        await connection.ExpectEnd();
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x80000000u)]
    public async Task An_increment_of_nothing_is_an_error_of_the_connection(uint increment)
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(WindowUpdate(0, increment));

        await client.ExpectConnectionError(ProtocolError);
    }

    [Fact]
    public async Task A_window_may_be_as_large_as_31_bits_and_no_larger()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http, Grudging);

        await client.Send(WindowUpdate(0, LargestWindow - DefaultWindow));
        Assert.Equal("GET /", (await client.Get(domain)).Text);
        // What the answer took may be granted again; one more is too much.
        await client.Send(WindowUpdate(0, 5));
        await client.ExpectPong();
        await client.Send(WindowUpdate(0, 1));

        await client.ExpectConnectionError(FlowControlError);
    }

    [Fact]
    public async Task A_window_of_a_stream_beyond_31_bits_is_an_error_of_that_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(WindowUpdate(stream.Id, LargestWindow - DefaultWindow), WindowUpdate(stream.Id, 1));
        await client.ExpectReset(stream.Id, FlowControlError);
        await connection.ExpectEnd();
        var next = await client.Request(domain, "/next");
        using var other = await upstream.Accept();
        await other.ExpectRequest();
        await other.Send(Answers.Ok("next"));
        await client.ReadAnswer(next);

        Assert.Equal("next", next.Text);
    }

    [Fact]
    public async Task An_initial_window_that_makes_one_of_a_stream_too_large_is_an_error_of_the_connection()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(WindowUpdate(stream.Id, LargestWindow - DefaultWindow),
            Settings((Http2Setting.InitialWindowSize, DefaultWindow + 1)));

        await client.ExpectConnectionError(FlowControlError);
    }

    [Fact]
    public async Task A_client_that_sends_more_than_its_window_is_stopped()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/much", "POST", endStream: false);
        using var connection = await upstream.Accept();
        await connection.ExpectHead();

        // The upstream does not read on, so that no window is granted for long; the client heeds none.
        var megabyte = Bytes(Enumerable.Repeat(Data(stream.Id, new byte[16_384]), 64));
        for (var i = 0; i < 64 && stream.Reset == null && client.End == null; i++)
            await client.SendRaw(megabyte);

        await client.ExpectError(stream.Id, FlowControlError);
        await Wait.For(connection.Reader.ReadToEnd(), "the end of the upstream connection");
        Assert.DoesNotContain("\r\n0\r\n\r\n", connection.Received);
    }

    [Fact]
    public async Task Windows_are_granted_anew_as_the_upstream_takes_a_body()
    {
        const int length = 5_000_000;
        var taken = 0L;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            connection.Reader.IsRecording = false;
            taken = (await connection.BodyOf(await connection.ExpectHead()).ReadAll()).Length;
            await connection.Send(Answers.Ok("all there"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", endStream: false);

        await client.SendBody(stream, new byte[length]);
        await client.ReadAnswer(stream);

        Assert.Equal("all there", stream.Text);
        Assert.Equal(length, taken);
    }

    [Fact]
    public async Task Padding_is_granted_anew_like_the_rest()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/padded", "POST", endStream: false);
        var enough = (int)(2 * Math.Max(client.SendWindow, stream.SendWindow) / 257) + 10;

        for (var i = 0; i < enough; i++)
        {
            await client.Until(() => client.SendWindow >= 257 && stream.SendWindow >= 257, "a window for padding");
            await client.Send(Padded(Data(stream.Id, "a"), 255));
        }
        await client.Send(Data(stream.Id, "", true));
        await client.ReadAnswer(stream);

        Assert.Equal($"POST /padded {new string('a', enough)}", stream.Text);
    }

    [Fact]
    public async Task A_body_that_the_upstream_does_not_take_holds_up_no_other()
    {
        await using var slow = TestUpstream.Scripted();
        await using var quick = TestUpstream.Repeating();
        var slowDomain = await Hotcore.AddNewDomain(slow.Port);
        var quickDomain = await Hotcore.AddNewDomain(quick.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var held = await client.Request(slowDomain, "/held", "POST", endStream: false);
        using var connection = await slow.Accept();
        await connection.ExpectHead();

        var sending = client.SendBody(held, new byte[20_000_000]);
        await Wait.ToSeeThatNothingHappens();
        Assert.False(sending.IsCompleted);
        var passing = await client.Request(quickDomain, "/passing", "POST", endStream: false);
        await client.SendBody(passing, new byte[100_000]);
        await client.ReadAnswer(passing);

        Assert.Equal(200, passing.Status);
        Assert.False(sending.IsCompleted);
        await client.Send(RstStream(held.Id));
        await Wait.For(connection.Reader.ReadToEnd(), "the end of the upstream connection");
    }

    [Fact]
    public async Task What_comes_for_requests_that_were_refused_is_granted_anew_to_the_connection()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var enough = 2 * client.SendWindow;

        for (var sent = 0L; sent < enough;)
        {
            // Malformed: a second :path. The body that follows counts for the connection's window all the same.
            var stream = await client.Request(domain, "/bad", "POST", [(":path", "/x")], endStream: false);
            var pieces = (int)Math.Min(stream.SendWindow, client.InitialSendWindow) / 16_000;
            await client.Until(
                () => client.SendWindow >= Math.Min(pieces * 16_000, enough / 2), "the connection's window");
            await client.Send([.. Enumerable.Repeat(Data(stream.Id, new byte[16_000]), pieces)]);
            await client.ExpectReset(stream.Id, ProtocolError);
            sent += pieces * 16_000;
        }

        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
    }

    [Fact]
    public async Task An_empty_body_in_many_pieces_needs_no_window()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/empty", "POST", endStream: false);

        for (var i = 0; i < 20; i++)
            await client.Send(Data(stream.Id, ""));
        await client.Send(Data(stream.Id, "", true));
        await client.ReadAnswer(stream);

        Assert.Equal("POST /empty", stream.Text);
    }
}

using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 5.1: the states of streams, their numbers, and how many there may be.</summary>
public class Http2Streams(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>What may not come on a stream that nobody opened, or that may not be opened so.</summary>
    private static readonly Dictionary<string, (Func<string, Http2Frame[]> Frames, Http2Error[] Errors)> WrongStreams = new()
    {
        ["DATA on an idle stream"] = (_ => [Data(1, "smuggled", true)], [ProtocolError]),
        ["DATA empty on an idle stream"] = (_ => [Data(1, "", true)], [ProtocolError]),
        ["RST_STREAM on an idle stream"] = (_ => [RstStream(1)], [ProtocolError]),
        ["WINDOW_UPDATE on an idle stream"] = (_ => [WindowUpdate(1, 1)], [ProtocolError]),
        ["CONTINUATION on an idle stream"] = (domain => [Continuation(1, Smuggled(domain))], [ProtocolError]),
        ["DATA on an idle stream beyond one in use"] =
            (domain => [Open(1, domain), Data(3, "smuggled", true)], [ProtocolError]),
        ["RST_STREAM on an idle stream beyond one in use"] =
            (domain => [Open(1, domain), RstStream(3)], [ProtocolError]),
        ["HEADERS on an even stream"] = (domain => [Headers(2, Smuggled(domain))], [ProtocolError]),
        ["HEADERS on an even stream behind an odd one"] =
            (domain => [Open(1, domain), Headers(2, Smuggled(domain))], [ProtocolError]),
        ["DATA on an even stream"] = (_ => [Data(2, "smuggled", true)], [ProtocolError]),
        ["RST_STREAM on an even stream"] = (_ => [RstStream(2)], [ProtocolError]),
        ["WINDOW_UPDATE on an even stream"] = (_ => [WindowUpdate(2, 1)], [ProtocolError]),
        // 5.1.1: the first use of a number closes all that were passed over.
        ["HEADERS on a number that was passed over"] =
            (domain => [Open(5, domain), Headers(3, Smuggled(domain))], [ProtocolError, StreamClosed]),
        ["DATA on a number that was passed over"] =
            (domain => [Open(5, domain), Data(3, "smuggled", true)], [ProtocolError, StreamClosed]),
    };

    /// <summary>What may not come on a stream whose request has ended, while its answer is awaited: half-closed.</summary>
    private static readonly Dictionary<string, Func<string, Http2Frame[]>> BehindTheEnd = new()
    {
        ["DATA"] = _ => [Data(1, "smuggled")],
        ["DATA with END_STREAM"] = _ => [Data(1, "smuggled", true)],
        ["DATA empty"] = _ => [Data(1, "")],
        ["HEADERS"] = domain => [Headers(1, Smuggled(domain), endStream: false)],
        ["HEADERS with END_STREAM"] = domain => [Headers(1, Smuggled(domain))],
        ["trailers"] = _ => [Headers(1, Hpack.Block(("x-trailer", "smuggled")))],
    };

    public static TheoryData<string> WrongStreamNames => [.. WrongStreams.Keys];

    public static TheoryData<string> BehindTheEndNames => [.. BehindTheEnd.Keys];

    [Theory]
    [MemberData(nameof(WrongStreamNames))]
    public async Task A_frame_on_a_stream_that_is_not_open_ends_the_connection(string name)
    {
        var (frames, errors) = WrongStreams[name];
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.SendRaw(Bytes(frames(domain)));

        await client.ExpectConnectionError(errors);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Theory]
    [MemberData(nameof(BehindTheEndNames))]
    public async Task Behind_the_end_of_a_request_nothing_of_it_may_come(string name)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(Headers(1, Http2Client.Head(domain, "/held")));
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(BehindTheEnd[name](domain));

        await client.ExpectError(1, StreamClosed, ProtocolError);
        // Whoever asked so is not answered, and the app need not go on.
        await connection.ExpectEnd();
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Theory]
    [MemberData(nameof(BehindTheEndNames))]
    public async Task On_a_stream_that_has_ended_no_request_can_follow(string name)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Get(domain, "/first");

        await client.Send(BehindTheEnd[name](domain));

        await ExpectErrorOrSilence(client);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /first", "GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Theory]
    [MemberData(nameof(BehindTheEndNames))]
    public async Task On_a_stream_that_the_client_has_reset_no_request_can_follow(string name)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(Headers(1, Http2Client.Head(domain, "/held")));
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send([RstStream(1), .. BehindTheEnd[name](domain)]);

        await client.ExpectError(1, StreamClosed);
        await connection.ExpectEnd();
        Assert.DoesNotContain("smuggled", upstream.Received);
        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task While_an_answer_is_awaited_the_client_may_grant_windows_and_state_priorities()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/held");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(WindowUpdate(1, 5), Priority(1, 0), WindowUpdate(1, 5));
        await client.ExpectPong();
        await connection.Send(Answers.Ok("held"));
        await client.ReadAnswer(stream);

        Assert.Equal("held", stream.Text);
    }

    [Theory]
    [InlineData("PRIORITY")]
    [InlineData("HEADERS")]
    public async Task A_stream_that_depends_on_itself_harms_nobody(string name)
    {
        // RFC 9113 5.3 gave up priorities; RFC 7540 called this an error of the stream.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var head = Headers(1, [.. UInt32(name == "HEADERS" ? 1u : 0), 15, .. Http2Client.Head(domain, "/itself")]);

        await client.Send(
            head with { Flags = head.Flags | Http2Flags.Priority }, Priority(1, name == "PRIORITY" ? 1u : 0));
        await client.Until(() => client.Stream(1).IsOver || client.End != null, "the answer, or an error");

        if (!client.Stream(1).HasEnded)
            await client.ExpectError(1, ProtocolError);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Fact]
    public async Task PRIORITY_of_a_wrong_length_is_an_error_of_its_stream_at_most()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1, Http2Client.Head(domain, "/open", "POST"), endStream: false),
            Priority(1, 0) with { Payload = new byte[4] });

        await client.ExpectError(1, FrameSizeError);
        Assert.Empty(upstream.Requests);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Fact]
    public async Task A_smaller_number_behind_a_larger_one_is_refused()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(Headers(5, Http2Client.Head(domain, "/five")));
        await client.ReadAnswerOf(5);

        await client.Send(Headers(3, Smuggled(domain)));

        await client.ExpectConnectionError(ProtocolError, StreamClosed);
        Assert.Equal(["GET /five"], upstream.RequestLines);
    }

    [Fact]
    public async Task Numbers_may_be_passed_over_up_to_the_last()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        foreach (var number in new[] { 3u, 99u, 1_000_001u, 0x7ffffffdu, 0x7fffffffu })
        {
            await client.Send(Headers(number, Http2Client.Head(domain, $"/{number}")));
            await client.ReadAnswerOf(number);
            Assert.Equal($"GET /{number}", client.Stream(number).Text);
        }
    }

    [Fact]
    public async Task Answers_come_as_the_upstream_gives_them_and_not_in_the_order_of_requests()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var first = await client.Request(domain, "/first");
        using var one = await upstream.Accept();
        await one.ExpectRequest();
        var second = await client.Request(domain, "/second");
        using var two = await upstream.Accept();
        await two.ExpectRequest();
        await two.Send(Answers.Ok("second"));
        await client.ReadAnswer(second);
        Assert.Null(first.Head);
        await one.Send(Answers.Ok("first"));
        await client.ReadAnswer(first);

        Assert.Equal(("first", "second"), (first.Text, second.Text));
    }

    [Fact]
    public async Task As_many_streams_as_stated_are_served_at_once_and_one_more_is_refused()
    {
        var release = new TaskCompletionSource();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                await release.Task;
                await connection.Send(TestUpstream.Repeat(request));
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(SettingsAck);
        var most = client.ServerSettings[Http2Setting.MaxConcurrentStreams];
        var streams = new List<Http2Stream>();

        for (var i = 0; i < most; i++)
            streams.Add(await client.Request(domain, $"/{i}"));
        await Wait.Until(() => upstream.Requests.Count == most, "all of them at the upstream");
        // The head of one that is refused counts for the tables of HPACK all the same.
        var refused = client.NextStream();
        await client.Send(
            Headers(refused, [.. Http2Client.Head(domain, "/refused"), .. Hpack.Indexing("x-field", "kept")]));
        await client.ExpectReset(refused, RefusedStream);
        release.SetResult();
        foreach (var stream in streams)
            await client.ReadAnswer(stream);
        var next = client.NextStream();
        await client.Send(Headers(next, [.. Http2Client.Head(domain, "/next"), .. Hpack.Indexed(62)]));
        await client.ReadAnswerOf(next);

        for (var i = 0; i < most; i++)
            Assert.Equal($"GET /{i}", streams[i].Text);
        Assert.Equal("GET /next", client.Stream(next).Text);
        Assert.Equal("kept", upstream.Requests[^1].Fields["X-Field"]);
        Assert.DoesNotContain("refused", upstream.Received);
    }

    [Fact]
    public async Task Requests_that_are_reset_before_their_bodies_came_give_their_places_back()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var most = (int)client.ServerSettings[Http2Setting.MaxConcurrentStreams];
        var streams = new List<Http2Stream>();
        for (var i = 0; i < most; i++)
            streams.Add(await client.Request("unknown.example.com", "/", "POST", endStream: false));
        await client.ExpectPong();

        // Answered before their end or not: whatever the server has not reset itself, the client resets.
        foreach (var stream in streams.Where(stream => stream.Reset == null))
            await client.Send(RstStream(stream.Id));

        Assert.Equal(404, (await client.Get("unknown.example.com", "/after")).Status);
    }

    [Fact]
    public async Task What_was_on_its_way_when_the_server_reset_a_stream_is_passed_over()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // Malformed: a second :path. Its head enters the table, and its body counts for the connection's window.
        await client.Send(
            Headers(1, [.. Http2Client.Head(domain, "/bad", "POST", (":path", "/x")),
                .. Hpack.Indexing("x-field", "kept")], endStream: false),
            Data(1, "smuggled"),
            Data(1, ""),
            WindowUpdate(1, 5),
            Headers(1, Hpack.Indexing("x-trailer", "kept too")));
        await client.ExpectReset(1, ProtocolError);
        await client.Send(
            Headers(3, [.. Http2Client.Head(domain, "/good"), .. Hpack.Indexed(63), .. Hpack.Indexed(62)]));
        await client.ReadAnswerOf(3);

        Assert.Equal("kept", upstream.Requests[0].Fields["X-Field"]);
        Assert.Equal("kept too", upstream.Requests[0].Fields["X-Trailer"]);
        Assert.Equal(["GET /good"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Fact]
    public async Task A_second_head_that_does_not_end_the_request_is_malformed()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(
            Headers(1, Http2Client.Head(domain, "/open", "POST"), endStream: false),
            Data(1, "hello"),
            Headers(1, Hpack.Block(("x-trailer", "smuggled")), endStream: false),
            Data(1, "smuggled", true));

        await client.ExpectReset(1, ProtocolError);
        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Fact]
    public async Task A_client_that_resets_a_request_ends_it_at_the_upstream_and_is_served_on()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/held");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(RstStream(stream.Id));
        await connection.ExpectEnd();
        var next = await client.Request(domain, "/next");
        using var other = await upstream.Accept();
        Assert.Equal("/next", (await other.ExpectRequest()).Target);
        await other.Send(Answers.Ok("next"));
        await client.ReadAnswer(next);

        Assert.Equal("next", next.Text);
        Assert.Null(stream.Head);
    }

    [Fact]
    public async Task A_page_that_is_left_while_it_loads_is_no_attack()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                if (!request.Target.StartsWith("/image"))
                    await connection.Send(TestUpstream.Repeat(request));
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var page = 0; page < 3; page++)
        {
            var images = new List<Http2Stream>();
            for (var i = 0; i < 80; i++)
                images.Add(await client.Request(domain, $"/image/{i}"));
            await Task.WhenAll(images.Select(image => client.Send(RstStream(image.Id))));
            Assert.Equal($"GET /page/{page}", (await client.Get(domain, $"/page/{page}")).Text);
        }

        Assert.Null(client.GoAway);
    }

    private static byte[] Smuggled(string domain) => Http2Client.Head(domain, "/smuggled");

    private static Http2Frame Open(uint stream, string domain) =>
        Headers(stream, Http2Client.Head(domain, "/open", "POST"), endStream: false);

    /// <summary>
    /// A stream that is closed may be forgotten, and what comes on it be passed over or be an error of either kind: 5.1
    /// leaves that to the server.
    /// </summary>
    private static async Task ExpectErrorOrSilence(Http2Client client)
    {
        await client.Send(Ping("behind.."));
        await client.Until(
            () => client.End != null || client.Frames.Any(frame => frame.Type == Http2FrameType.Ping),
            "an error, or the answer to a PING");
        if (client.GoAway is { } goAway)
            Assert.Contains(goAway.Error, (Http2Error[])[StreamClosed, ProtocolError]);
        if (client.Stream(1).Reset is { } reset)
            Assert.Contains(reset, (Http2Error[])[StreamClosed, ProtocolError]);
    }
}

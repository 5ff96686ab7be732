using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 6.8: GOAWAY at SIGTERM, and from the client.</summary>
public class Http2Drain : IAsyncLifetime
{
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync() => _hotcore = await RunningHotcore.Start();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _hotcore.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_in_flight_is_finished_and_one_behind_the_last_is_not_served(bool isOverTls)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await Connect(domain, isOverTls);
        var stream = await client.Request(domain, "/in-flight");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        _hotcore.Signal(ChildProcess.Terminate);
        await UntilLastStreamIsNamed(client);
        Assert.Equal((Http2Error.NoError, stream.Id), (client.GoAway!.Error, client.GoAway.Number));
        var late = await client.Request(domain, "/late");
        await client.ExpectPong();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        await client.Until(() => stream.BodyLength == 5, "the first half");
        await connection.Send("world");
        await client.ReadAnswer(stream);

        Assert.Equal("helloworld", stream.Text);
        await ExpectToBeClosed(client);
        Assert.Null(late.Head);
        Assert.DoesNotContain("/late", upstream.Received);
        Assert.Single(upstream.Connections);
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_body_on_its_way_up_is_finished()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(_hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", [("content-length", "200005")], endStream: false);
        await client.Send(Data(stream.Id, "hello"));
        await Wait.Until(() => upstream.Received.Contains("hello"), "the beginning of the body");

        _hotcore.Signal(ChildProcess.Terminate);
        await UntilLastStreamIsNamed(client);
        await client.SendBody(stream, Encoding.ASCII.GetBytes(new string('a', 200_000)));
        await client.ReadAnswer(stream);

        Assert.Equal("POST / hello" + new string('a', 200_000), stream.Text);
        await ExpectToBeClosed(client);
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Idle_connections_are_told_and_closed_promptly()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var used = await Http2Client.Connect(_hotcore.Http);
        await used.Get(domain);
        await used.Get(domain);
        await using var fresh = await Http2Client.ConnectTls(_hotcore, domain);

        _hotcore.Signal(ChildProcess.Terminate);

        foreach (var (client, last) in new[] { (used, 3u), (fresh, 0u) })
        {
            await ExpectToBeClosed(client);
            Assert.Equal((Http2Error.NoError, last), (client.GoAway!.Error, client.GoAway.Number));
        }
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Many_requests_in_flight_are_all_finished()
    {
        const int count = 50;
        var release = new TaskCompletionSource();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                await release.Task;
                await connection.Send(TestUpstream.Repeat(request));
            }
        });
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(_hotcore.Http);
        var streams = new List<Http2Stream>();
        for (var i = 0; i < count; i++)
            streams.Add(await client.Request(domain, $"/{i}"));
        await Wait.Until(() => upstream.Requests.Count == count, "all requests at the upstream");

        _hotcore.Signal(ChildProcess.Terminate);
        await UntilLastStreamIsNamed(client);
        release.SetResult();

        for (var i = 0; i < count; i++)
        {
            await client.ReadAnswer(streams[i]);
            Assert.Equal($"GET /{i}", streams[i].Text);
        }
        await ExpectToBeClosed(client);
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_head_that_was_never_finished_does_not_hold_up_the_stop()
    {
        var domain = await _hotcore.AddNewDomain(8080);
        await using var client = await Http2Client.Connect(_hotcore.Http);
        await client.Send(Headers(1, Http2Client.Head(domain), endHeaders: false));
        await using var silent = await _hotcore.Connect();
        await silent.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n");
        await _hotcore.Get("unknown.example.com");

        _hotcore.Signal(ChildProcess.Terminate);

        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task A_client_that_says_GOAWAY_still_gets_its_answers()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(_hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(GoAway(0), GoAway(0) with { Payload = [.. UInt32(0), .. UInt32(0), .. "debug data"u8] });
        await client.ExpectPong();
        await connection.Send(Answers.Ok("still"));
        await client.ReadAnswer(stream);

        Assert.Equal("still", stream.Text);
    }

    private Task<Http2Client> Connect(string domain, bool isOverTls) =>
        isOverTls ? Http2Client.ConnectTls(_hotcore, domain) : Http2Client.Connect(_hotcore.Http);

    /// <summary>A first GOAWAY may name the largest number, for what is on its way; the last one says where the end is.</summary>
    private static Task UntilLastStreamIsNamed(Http2Client client) =>
        client.Until(() => client.GoAway is { Number: < 0x7fffffff }, "GOAWAY with the last stream");

    /// <summary>Sees the connection closed, and closes it too: for a client that does not, hotcore waits for seconds.</summary>
    private static async Task ExpectToBeClosed(Http2Client client)
    {
        // Far less than the 30 s that what is in flight would have: nothing is any more.
        await Wait.For(
            client.Until(() => client.End != null, "the end of the connection"), "a prompt end", TimeSpan.FromSeconds(20));
        Assert.Equal(ConnectionEnd.Closed, client.End);
        await client.DisposeAsync();
    }
}

/// <summary>The longest that a stop may take. A class of its own, so that its seconds pass beside the others.</summary>
public class Http2SlowDrain
{
    [Fact]
    public async Task A_client_that_grants_no_window_does_not_hold_up_the_stop_for_ever()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = TestUpstream.Repeating();
        var domain = await hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            hotcore.Http, new Http2Options { Settings = [(Http2Setting.InitialWindowSize, 0)] });
        var stream = await client.Request(domain);
        await client.ReadHead(stream);

        hotcore.Signal(ChildProcess.Terminate);

        // What is in flight has 30 s; a busy machine takes a while to end it.
        await hotcore.WaitForExit(TimeSpan.FromSeconds(60));
    }
}

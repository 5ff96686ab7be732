namespace Hotcore.EndToEndTests;

/// <summary>At SIGTERM or SIGINT what is in flight is finished, and nothing new begun.</summary>
public class OrderlyStop : IAsyncLifetime
{
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync() => _hotcore = await RunningHotcore.Start();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _hotcore.DisposeAsync();
    }

    [Fact]
    public async Task A_head_that_was_never_finished_does_not_hold_up_the_stop()
    {
        var domain = await _hotcore.AddNewDomain(8080);
        await using var client = await _hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nX-Fie");
        await _hotcore.Get("unknown.example.com");

        _hotcore.Signal(ChildProcess.Terminate);

        // In flight is what an app may be working on; for anything less nobody waits the 30 s.
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(ChildProcess.Terminate)]
    [InlineData(ChildProcess.Interrupt)]
    public async Task A_request_in_flight_is_finished_and_new_connections_are_refused(int signal)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await _hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        _hotcore.Signal(signal);
        await _hotcore.UntilConnectionsAreRefused();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        var head = await client.ReadHead();
        await connection.Send("world");

        Assert.Equal("helloworld"u8.ToArray(), await client.BodyOf(head).ReadAll());
        await client.ReadEnd();
        Assert.Equal(0, await _hotcore.WaitForExit());
    }

    [Fact]
    public async Task A_body_on_its_way_up_is_finished()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await _hotcore.Connect();
        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 10\r\n\r\nhello");
        await Wait.Until(() => upstream.Received.Contains("hello"), "the first half of the body");

        _hotcore.Signal(ChildProcess.Terminate);
        await _hotcore.UntilConnectionsAreRefused();
        await client.Send("world");

        Assert.Equal("POST / helloworld", (await client.Read()).Text);
        Assert.Equal(0, await _hotcore.WaitForExit());
    }

    [Fact]
    public async Task Idle_connections_are_closed_and_the_process_ends_promptly()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var used = await _hotcore.Connect();
        await used.Get(domain);
        await using var silent = await _hotcore.Connect();

        _hotcore.Signal(ChildProcess.Terminate);

        // Far less than the 30 s that a request in flight would have.
        Assert.Equal(0, await _hotcore.WaitForExit(TimeSpan.FromSeconds(10)));
        await used.ReadEnd();
        await silent.ReadEnd();
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await _hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        _hotcore.Signal(ChildProcess.Terminate);
        await _hotcore.UntilConnectionsAreRefused();
        Assert.True(_hotcore.IsRunning);
        _hotcore.Signal(ChildProcess.Terminate);

        await _hotcore.WaitForExit(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Mappings_are_there_after_a_stop_and_a_start()
    {
        await using var upstream = TestUpstream.Repeating();
        await _hotcore.Add("kept.example.com", upstream.Port);
        _hotcore.Signal(ChildProcess.Terminate);
        await _hotcore.WaitForExit();

        await _hotcore.StartAgain();

        Assert.Equal("GET /", (await _hotcore.Get("kept.example.com")).Text);
    }
}

/// <summary>A class of its own, so that its 30 seconds pass beside the others.</summary>
public class StopWithEndlessRequests
{
    [Fact]
    public async Task A_request_that_never_ends_holds_up_the_stop_for_30_seconds_at_most()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = TestUpstream.Echoing();
        var domain = await hotcore.AddNewDomain(upstream.Port);
        await using var client = await hotcore.Connect();
        await client.Upgrade(domain);

        hotcore.Signal(ChildProcess.Terminate);

        // Some seconds more for a busy machine.
        await hotcore.WaitForExit(TimeSpan.FromSeconds(40));
    }
}

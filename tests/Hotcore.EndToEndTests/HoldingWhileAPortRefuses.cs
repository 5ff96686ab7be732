using System.Diagnostics;

namespace Hotcore.EndToEndTests;

/// <summary>An app that refuses connections for a moment costs nobody an error page.</summary>
public class HoldingWhileAPortRefuses(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_request_for_a_new_mapping_waits_until_its_port_answers()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = Hotcore.Get(domain, "/patient");
        await Wait.ToSeeThatNothingHappens();
        Assert.False(response.IsCompleted);
        upstream.Listen();

        Assert.Equal("GET /patient", (await response).Text);
    }

    [Fact]
    public async Task A_POST_waits_with_its_body()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /patient HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");
        await Wait.ToSeeThatNothingHappens();
        upstream.Listen();

        Assert.Equal("POST /patient hello", (await client.Read()).Text);
        Assert.Single(upstream.Requests);
    }

    [Fact]
    public async Task A_POST_waits_with_a_body_larger_than_any_buffer()
    {
        const int length = 20 * 1024 * 1024;
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var sending = client.Send(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {length}\r\n\r\n{new string('a', length)}");
        await Wait.ToSeeThatNothingHappens();
        Assert.False(sending.IsCompleted, "hotcore took 20 MB that nobody reads");
        upstream.Listen();

        Assert.Equal(length + "POST / ".Length, (await client.Read()).Body.Length);
        await sending;
    }

    [Fact]
    public async Task An_upgrade_waits_too()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = Hotcore.Get(domain, "/up", "Connection: Upgrade\r\nUpgrade: bytes\r\n");
        await Wait.ToSeeThatNothingHappens();
        upstream.Listen();

        Assert.Equal("GET /up", (await response).Text);
        Assert.True(upstream.Requests[0].WantsUpgrade);
    }

    [Fact]
    public async Task A_port_that_answered_just_now_may_refuse_for_a_moment()
    {
        await using var upstream = TestUpstream.Repeating();
        await using var hotcore = await OldMappings.Start(("old.example.com", upstream.Port));
        Assert.Equal(200, (await hotcore.Get("old.example.com")).Status);
        upstream.Crash();

        var response = hotcore.Get("old.example.com", "/patient");
        await Wait.ToSeeThatNothingHappens();
        Assert.False(response.IsCompleted);
        upstream.Listen();

        Assert.Equal("GET /patient", (await response).Text);
    }

    [Theory]
    [InlineData("GET /patient HTTP/1.1\r\nHost: {0}\r\n\r\n", "GET /patient")]
    [InlineData("POST /patient HTTP/1.1\r\nHost: {0}\r\nContent-Length: 5\r\n\r\nhello", "POST /patient hello")]
    public async Task A_port_that_accepts_and_closes_is_waited_for_as_one_that_refuses(string request, string answer)
    {
        // As docker's proxy does while nothing listens in the container.
        var hasBooted = false;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (Volatile.Read(ref hasBooted) && await connection.ReadRequest() is { } received)
                await connection.Send(TestUpstream.Repeat(received));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await BeginUntilHeld(async () => (await Send(request, domain)).Text);
        Volatile.Write(ref hasBooted, true);

        Assert.Equal(answer, await response);
        Assert.Single(upstream.Requests);
    }

    [Fact]
    public async Task After_a_failure_a_port_that_accepts_and_closes_is_waited_for_again()
    {
        var isBooting = false;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (!Volatile.Read(ref isBooting) && await connection.ReadRequest() is { Target: not "/crash" } received)
                await connection.Send(Answers.Ok($"GET {received.Target}", "Connection: close\r\n"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        Assert.Equal("GET /", (await Hotcore.Get(domain)).Text);
        Assert.Equal(502, (await Hotcore.Get(domain, "/crash", "Connection: close\r\n")).Status);
        Volatile.Write(ref isBooting, true);

        var response = await BeginUntilHeld(async () => (await Hotcore.Get(domain, "/patient")).Text);
        Volatile.Write(ref isBooting, false);

        Assert.Equal("GET /patient", await response);
    }

    /// <summary>
    /// Begins a request until it is held: on a busy machine the app may be late in closing a connection that it has accepted, and gets
    /// a request that it does not answer.
    /// </summary>
    private static async Task<Task<string>> BeginUntilHeld(Func<Task<string>> begin)
    {
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var response = begin();
            await Wait.ToSeeThatNothingHappens();
            if (!response.IsCompleted)
                return response;
            Assert.StartsWith("502", await response);
        }
        throw new InvalidOperationException("no request is held");
    }

    private async Task<Response> Send(string request, string domain)
    {
        await using var client = await Hotcore.Connect();
        return await client.Exchange(string.Format(request, domain));
    }

    [Fact]
    public async Task Many_requests_wait_at_once()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var responses = Enumerable.Range(0, 200).Select(i => Hotcore.Get(domain, $"/{i}")).ToList();
        await Wait.ToSeeThatNothingHappens();
        upstream.Listen();

        for (var i = 0; i < responses.Count; i++)
            Assert.Equal($"GET /{i}", (await responses[i]).Text);
    }

    [Fact]
    public async Task A_held_request_follows_its_domain_to_a_new_port()
    {
        // Mapping anew is the usual end of a deployment.
        await using var old = TestUpstream.RepeatingLater();
        await using var now = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(old.Port);
        var held = Hotcore.Get(domain, "/held");
        await Wait.ToSeeThatNothingHappens();

        await Hotcore.Add(domain, now.Port);

        Assert.Equal("GET /new", (await Hotcore.Get(domain, "/new")).Text);
        Assert.Equal("GET /held", (await held).Text);
    }

    [Fact]
    public async Task A_held_request_of_a_domain_that_is_removed_is_told_so()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var held = Hotcore.Get(domain, "/held");
        await Wait.ToSeeThatNothingHappens();

        Assert.Equal($"ok {domain}", await Hotcore.Control($"remove {domain}"));

        Assert.Equal(404, (await held).Status);
    }

    [Fact]
    public async Task A_client_that_stops_waiting_is_not_served_later()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();
        await client.Send($"POST /given-up HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");
        await Wait.ToSeeThatNothingHappens();
        client.Reset();
        await Wait.ToSeeThatNothingHappens();
        upstream.Listen();

        Assert.Equal("GET /next", (await Hotcore.Get(domain, "/next")).Text);
        Assert.Equal(["GET /next"], upstream.RequestLines);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\nhello")]
    [InlineData("Content-Length: 50\r\n\r\nhello")]
    [InlineData("Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhel")]
    public async Task A_client_of_plain_HTTP_that_ends_behind_or_within_its_body_is_not_served_later(string rest)
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST /given-up HTTP/1.1\r\nHost: {domain}\r\n{rest}");
        await Wait.ToSeeThatNothingHappens();

        client.HalfClose();

        await client.ReadEnd(); // Without an answer.
        upstream.Listen();
        Assert.Equal("GET /next", (await Hotcore.Get(domain, "/next")).Text);
        Assert.DoesNotContain("/given-up", upstream.Received);
    }

    [Fact]
    public async Task A_POST_of_a_client_that_has_finished_sending_is_served_if_its_port_answers_at_once()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST /late HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");
        await Wait.ToSeeThatNothingHappens();

        client.HalfClose();
        upstream.Listen();

        Assert.Equal("POST /late hello", (await client.Read()).Text);
    }
}

/// <summary>A class of its own, so that its 15 seconds pass beside the others.</summary>
public class HoldingForTooLong(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_request_waits_15_seconds_at_most()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var time = Stopwatch.StartNew();

        var response = await Hotcore.Get(domain);

        Assert.Equal(502, response.Status);
        // Not at once, and with some seconds for a busy machine, not long after.
        Assert.InRange(time.Elapsed.TotalSeconds, 13, 28);
    }
}

/// <summary>A class of its own, so that its waits pass beside the others.</summary>
public class DeadPorts : IAsyncLifetime
{
    private readonly TestUpstream _dead = TestUpstream.RepeatingLater();
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync() => _hotcore = await OldMappings.Start(("dead.example.com", _dead.Port));

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hotcore.DisposeAsync();
        await _dead.DisposeAsync();
    }

    [Fact]
    public async Task A_port_that_never_answered_a_mapping_of_long_ago_fails_at_once()
    {
        var time = Stopwatch.StartNew();

        var response = await _hotcore.Get("dead.example.com");

        Assert.Equal(502, response.Status);
        // A request that is held waits for 15 s.
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 13);
    }

    [Fact]
    public async Task A_dead_port_that_comes_to_life_is_served()
    {
        Assert.Equal(502, (await _hotcore.Get("dead.example.com")).Status);
        _dead.Listen();

        Assert.Equal("GET /alive", (await _hotcore.Get("dead.example.com", "/alive")).Text);
    }

    [Fact]
    public async Task Mapping_a_dead_port_anew_makes_requests_wait_again()
    {
        await _hotcore.Add("dead.example.com", _dead.Port);

        var response = _hotcore.Get("dead.example.com", "/patient");
        await Wait.ToSeeThatNothingHappens();
        Assert.False(response.IsCompleted);
        _dead.Listen();

        Assert.Equal("GET /patient", (await response).Text);
    }

    [Fact]
    public async Task The_connection_to_the_client_survives_a_502()
    {
        await using var upstream = TestUpstream.Repeating();
        await _hotcore.Add("alive.example.com", upstream.Port);
        await using var client = await _hotcore.Connect();

        Assert.Equal(502, (await client.Get("dead.example.com")).Status);
        Assert.Equal("GET /alive", (await client.Get("alive.example.com", "/alive")).Text);
    }
}

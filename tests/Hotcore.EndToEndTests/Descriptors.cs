namespace Hotcore.EndToEndTests;

/// <summary>Running out of file descriptors closes idle connections, and passes.</summary>
public class Descriptors : IAsyncLifetime
{
    private const int OpenFiles = 100;
    private RunningHotcore _hotcore = null!;
    private TestUpstream _upstream = null!;

    public async ValueTask InitializeAsync()
    {
        _hotcore = await RunningHotcore.Start(new StartOptions { OpenFiles = OpenFiles });
        _upstream = TestUpstream.Repeating();
        await _hotcore.Add("a.example.com", _upstream.Port);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hotcore.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Idle_connections_make_room_for_new_ones()
    {
        var idle = new List<RawClient>();
        for (var i = 0; i < 3 * OpenFiles; i++)
        {
            var client = await _hotcore.Connect();
            idle.Add(client);
            // Every one of them is served, while all before it stay open on the client's side.
            Assert.Equal($"GET /{i}", (await client.Get("a.example.com", $"/{i}")).Text);
        }

        Assert.Equal(ConnectionEnd.Closed, await idle[0].ReadEnd());
        foreach (var client in idle)
            await client.DisposeAsync();
        Assert.Equal("GET /after", (await _hotcore.Get("a.example.com", "/after")).Text);
        Assert.Equal("kcehc", await _hotcore.Control("check"));
    }

    [Fact]
    public async Task Connections_that_never_said_a_word_make_room_too()
    {
        var silent = new List<RawClient>();
        for (var i = 0; i < 3 * OpenFiles; i++)
            silent.Add(await _hotcore.Connect());

        Assert.Equal("GET /served", (await _hotcore.Get("a.example.com", "/served")).Text);
        foreach (var client in silent)
            await client.DisposeAsync();
        Assert.Equal("GET /after", (await _hotcore.Get("a.example.com", "/after")).Text);
    }

    [Fact]
    public async Task Service_recovers_when_busy_connections_have_gone()
    {
        var busy = new List<RawClient>();
        for (var i = 0; i < 3 * OpenFiles; i++)
        {
            var client = await _hotcore.Connect();
            busy.Add(client);
            // In the middle of a request: none of these is idle.
            await client.Send("GET / HTTP/1.1\r\nHost: a.example.com\r\nX-Fie");
        }

        // Changes need a descriptor now and then as well; they must not fail for good.
        foreach (var client in busy)
            client.Reset();
        Assert.Equal("GET /after", (await _hotcore.Get("a.example.com", "/after")).Text);
        await _hotcore.Add("b.example.com", _upstream.Port);
        Assert.Equal("GET /b", (await _hotcore.Get("b.example.com", "/b")).Text);
    }
}

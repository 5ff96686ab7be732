namespace Hotcore.EndToEndTests.Harness;

/// <summary>The protocol between a client and hotcore.</summary>
public enum ClientKind
{
    Http1,
    Http2,
    Http2OverTls,
}

/// <summary>
/// The protocol between hotcore and an upstream. hotcore takes it from the request: gRPC's content type means HTTP/2.
/// </summary>
public enum UpstreamKind
{
    Http1,
    Http2,
}

/// <summary>
/// A client on one side of hotcore and an upstream on the other, both driven step by step by the test.
/// </summary>
public sealed class Pair : IAsyncDisposable
{
    private readonly ScriptedClient _client;
    private readonly ScriptedUpstream _upstream;

    private Pair(ScriptedClient client, ScriptedUpstream upstream)
    {
        _client = client;
        _upstream = upstream;
    }

    /// <summary>Every pair, for a theory.</summary>
    public static TheoryData<ClientKind, UpstreamKind> All => new(
        from client in Enum.GetValues<ClientKind>()
        from upstream in Enum.GetValues<UpstreamKind>()
        select (client, upstream));

    public int UpstreamConnectionCount => _upstream.ConnectionCount;

    public static async Task<Pair> Open(RunningHotcore hotcore, ClientKind client, UpstreamKind upstream)
    {
        var app = await ScriptedUpstream.Start(upstream);
        var domain = await hotcore.AddNewDomain(app.Port);
        var contentType = upstream == UpstreamKind.Http2 ? "application/grpc" : "application/octet-stream";
        return new Pair(ScriptedClient.For(hotcore, client, domain, contentType), app);
    }

    /// <summary>Begins a POST, whose body is still to be sent, if its client may send it at once.</summary>
    public Task<ClientExchange> Begin(string path = "/", params (string Name, string Value)[] fields) =>
        _client.Begin(path, fields);

    /// <summary>The next request that reaches the upstream.</summary>
    public Task<UpstreamExchange> Accept() => _upstream.Accept();

    /// <summary>Begins a POST, and waits until it has reached the upstream.</summary>
    public async Task<(ClientExchange Client, UpstreamExchange Upstream)> BeginAndAccept(
        string path = "/", params (string Name, string Value)[] fields)
    {
        var exchange = await Begin(path, fields);
        return (exchange, await Accept());
    }

    /// <summary>One whole exchange with small bodies, as proof that all still works.</summary>
    public async Task ExpectToWork()
    {
        await using var exchange = await Begin("/works");
        await exchange.Send("ping"u8.ToArray());
        await exchange.End();
        var accepted = await Accept();
        Assert.Equal("ping"u8.ToArray(), await accepted.ReadBody());
        await accepted.SendHead();
        await accepted.Send("pong"u8.ToArray());
        await accepted.End();
        Assert.Equal(200, await exchange.ReadStatus());
        Assert.Equal("pong"u8.ToArray(), await exchange.ReadBody());
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _upstream.DisposeAsync();
    }
}

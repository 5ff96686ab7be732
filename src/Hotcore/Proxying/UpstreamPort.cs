using Hotcore.Loops;
using Hotcore.Mappings;
using Hotcore.Proxying.Http1;
using Hotcore.Proxying.Http2;

namespace Hotcore.Proxying;

/// <summary>
/// One app's port as one loop sees it: the connections to it, and the requests that wait while it refuses. Belongs to one loop,
/// but for <see cref="PostCloseIdle"/>.
/// </summary>
internal sealed class UpstreamPort
{
    private readonly ProxyLoop _owner;
    private readonly EventLoop _loop;
    private readonly IdleUpstreams _idle = new();
    private readonly Http2Upstreams _http2;
    private readonly UpstreamConnector _connector;
    private readonly HeldRequests _held;
    private readonly List<Readiness> _awaitingTls = [];
    private readonly Action _whenKept;
    private readonly Action _closeIdle;
    private bool _isTryingTls;

    /// <summary><paramref name="whenKept"/> is told when a connection has become idle, so that it is looked at in time.</summary>
    public UpstreamPort(int number, PortState state, ProxyLoop owner, EventLoop loop, Action whenKept)
    {
        (Number, State, _owner, _loop, _whenKept) = (number, state, owner, loop, whenKept);
        _http2 = new Http2Upstreams(loop);
        _connector = new UpstreamConnector(number, state, owner, loop);
        _held = new HeldRequests(ProbeAsync, owner.Router.IsInForce, loop);
        _closeIdle = () => CloseIdle();
        state.Add(this);
    }

    public int Number { get; }

    /// <summary>What all loops know together of the port.</summary>
    public PortState State { get; }

    public bool HasIdle => !_idle.IsEmpty || _http2.HasIdle;

    /// <summary>What can serve the exchange at once over a connection that is there, or null.</summary>
    public Upstream? Take(Exchange exchange) => Take(exchange, surelyAlive: !exchange.MayBeSentAgain);

    /// <summary>Opens a connection for the exchange, which <paramref name="mapping"/> led here; null when nothing answers.</summary>
    public LoopTask<Upstream?> OpenAsync(Exchange exchange, Mapping mapping)
    {
        var isInDoubt = State.IsInDoubt(mapping, _loop.NowMilliseconds);
        return exchange.IsGrpc ? OpenStreamAsync(exchange, isInDoubt) : OpenHttp1Async(isInDoubt);
    }

    /// <summary>
    /// Waits until the port answers, or until <paramref name="until"/> on the loop's clock. An exchange that is abandoned waits no
    /// more, nor does one whose domain leads elsewhere.
    /// </summary>
    public async LoopTask<Upstream?> WaitForAnswerAsync(Exchange exchange, Mapping mapping, long until)
    {
        // A hold for each wait: opening may have begun one of its own.
        while (!exchange.IsAbandoned && _loop.NowMilliseconds < until
            && await _held.WaitAsync(exchange.BeginHold(_loop), mapping, until))
        {
            if ((Take(exchange, surelyAlive: false) ?? await OpenAsync(exchange, mapping)) is { } upstream)
                return upstream;
        }

        return null;
    }

    /// <summary>
    /// Finds out whether the app speaks TLS, as <paramref name="exchange"/> would; true when it does.
    /// </summary>
    public async LoopTask<bool> TryTlsAsync(Exchange exchange)
    {
        if (State.SpeaksTls)
            return true; // Somebody found out meanwhile.
        if (_isTryingTls)
            return await AwaitTlsAsync(exchange);
        if (!State.MayTryTls(_loop.NowMilliseconds))
            return false;
        _isTryingTls = true;
        var (connection, letInAt, _, _) = await _connector.OpenTlsAsync(exchange.IsGrpc, Timeouts.UpstreamHandshake);
        _isTryingTls = false;
        State.NoteTls(isSpoken: connection is not null, _loop.NowMilliseconds);
        if (exchange.IsGrpc)
            connection?.Close();
        else if (connection is not null)
            Return(new Http1Upstream(this, connection, letInAt));
        foreach (var wait in _awaitingTls.ToArray())
            wait.Signal();
        return connection is not null;
    }

    /// <summary>
    /// Takes a connection back that has finished its exchange cleanly. While another waits to be accepted none is kept: it would hold
    /// an app's only thread.
    /// </summary>
    public void Return(Http1Upstream upstream)
    {
        upstream.BecomeIdle();
        if (State.Queue.HasStarving || !_idle.TryAdd(upstream))
            upstream.Close();
        else
            _whenKept();
    }

    /// <summary>The HTTP/2 connection that was being opened takes more streams now, or never will.</summary>
    public void HasOpenedHttp2() => _http2.HasOpened();

    /// <summary>An HTTP/2 connection has no stream any more, and is kept.</summary>
    public void HasBecomeIdle() => _whenKept();

    /// <summary>An HTTP/2 connection is at its end.</summary>
    public void Forget(Http2UpstreamConnection connection) => _http2.Forget(connection);

    /// <summary>Closes every idle connection; returns how many.</summary>
    public int CloseIdle() => CloseIdleSince(long.MaxValue);

    /// <summary>Any thread: has the loop close its idle connections, soon.</summary>
    public void PostCloseIdle() => _loop.Post(_closeIdle);

    /// <summary>Closes what has been idle since before <paramref name="moment"/> of the loop's clock; returns how many connections.</summary>
    public int CloseIdleSince(long moment) => _idle.CloseSince(moment) + _http2.CloseSince(moment);

    private Upstream? Take(Exchange exchange, bool surelyAlive) =>
        exchange.IsGrpc ? _http2.Take() : _idle.Take(this, exchange, surelyAlive);

    private async LoopTask<Upstream?> OpenHttp1Async(bool isInDoubt)
    {
        var (connection, letInAt, _, _) = await _connector.OpenAsync(isInDoubt, isHttp2: false);
        return connection is null ? null : new Http1Upstream(this, connection, letInAt);
    }

    private async LoopTask<Upstream?> OpenStreamAsync(Exchange exchange, bool isInDoubt)
    {
        var (shared, mustOpen) = await _http2.ShareAsync(exchange);
        if (!mustOpen)
            return shared;
        if ((await _connector.OpenAsync(isInDoubt, isHttp2: true)).Connection is { } connection)
            return _http2.Add(new Http2UpstreamConnection(this, connection, _owner.Http2Scratch));
        _http2.GiveUp();
        return null;
    }

    private async LoopTask<bool> ProbeAsync()
    {
        if (await OpenHttp1Async(isInDoubt: true) is not Http1Upstream upstream)
            return false;
        Return(upstream);
        return true;
    }

    /// <summary>Waits for what another exchange of this loop finds out.</summary>
    private async LoopTask<bool> AwaitTlsAsync(Exchange exchange)
    {
        var wait = exchange.BeginHold(_loop);
        wait.IsSet = false;
        _awaitingTls.Add(wait);
        await wait.WaitAsync(Timeouts.UpstreamHandshake);
        _awaitingTls.Remove(wait);
        return State.SpeaksTls;
    }
}

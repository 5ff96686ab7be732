using Hotcore.Loops;
using Hotcore.Mappings;
using Hotcore.Proxying.Http1;
using Hotcore.Proxying.Http2;

namespace Hotcore.Proxying;

/// <summary>
/// One app's port as one loop sees it: the idle connections to it, which address it answers on, and the requests that wait
/// while it refuses. Belongs to one loop.
/// </summary>
internal sealed class UpstreamPort(int number, ProxyLoop owner, EventLoop loop, PortActivity activity)
{
    private const int MostIdle = 512;

    private readonly LinkedList<Http1Upstream> _idle = new();
    private readonly List<Http2UpstreamConnection> _http2 = [];
    private readonly List<Readiness> _awaitingHttp2 = [];
    private readonly List<(Readiness Wait, Mapping Mapping)> _waiting = [];
    private bool _prefersIPv6;
    private bool _isProbing;
    private bool _isOpeningHttp2;

    public int Number { get; } = number;

    public bool HasIdle => _idle.Count > 0 || _http2.Exists(connection => connection.IsIdle);

    /// <summary>What can serve the exchange at once over a connection that is there, or null.</summary>
    public Upstream? Take(Exchange exchange) =>
        exchange.IsGrpc ? TakeStream() : TakeIdle(surelyAlive: !exchange.MayBeSentAgain);

    /// <summary>Opens a connection for the exchange, to 127.0.0.1, or to ::1 where only that answers; null when neither does.</summary>
    public LoopTask<Upstream?> OpenAsync(Exchange exchange) => exchange.IsGrpc ? OpenStreamAsync(exchange) : OpenHttp1Async();

    private async LoopTask<Upstream?> OpenHttp1Async() =>
        await ConnectAsync() is { } connection ? new Http1Upstream(this, connection) : null;

    /// <summary>
    /// Calls that come while a connection is being opened share it, as far as it takes them: how many those are, its SETTINGS tell.
    /// </summary>
    private async LoopTask<Upstream?> OpenStreamAsync(Exchange exchange)
    {
        while (_isOpeningHttp2)
        {
            var wait = exchange.BeginHold(loop);
            wait.IsSet = false;
            _awaitingHttp2.Add(wait);
            var result = await wait.WaitAsync(Timeouts.Connect);
            _awaitingHttp2.Remove(wait);
            if (result != WaitResult.Ready)
                return null;
            if (TakeStream() is { } shared)
                return shared;
        }

        _isOpeningHttp2 = true;
        if (await ConnectAsync() is not { } connection)
        {
            _isOpeningHttp2 = false;
            foreach (var wait in _awaitingHttp2.ToArray())
                wait.Cancel(); // Nothing answers for any of them.
            return null;
        }

        var http2 = new Http2UpstreamConnection(this, connection, owner.Http2Scratch);
        _http2.Add(http2);
        http2.RunAsync().RunDetached(loop.Report);
        return http2.OpenStream();
    }

    /// <summary>The connection that was being opened takes more streams now, or never will.</summary>
    public void HasOpenedHttp2()
    {
        _isOpeningHttp2 = false;
        foreach (var wait in _awaitingHttp2.ToArray())
            wait.Signal();
    }

    /// <summary>The connection that was used last, or null. With <paramref name="surelyAlive"/>, only one that was used a moment ago.</summary>
    private Http1Upstream? TakeIdle(bool surelyAlive)
    {
        while (_idle.First is { } node)
        {
            var upstream = node.Value;
            if (surelyAlive && loop.NowMilliseconds - upstream.IdleSince > Timeouts.SurelyAlive)
                return null;
            _idle.Remove(node);
            if (upstream.Connection.IsSilent(upstream.IdleSinceRound))
                return upstream;
            upstream.Close();
        }

        return null;
    }

    /// <summary>Takes a connection back that has finished its exchange cleanly.</summary>
    public void Return(Http1Upstream upstream)
    {
        if (_idle.Count >= MostIdle)
        {
            upstream.Close();
            return;
        }

        upstream.BecomeIdle();
        _idle.AddFirst(upstream.IdleNode);
    }

    /// <summary>A connection is being closed: it is no longer among the idle ones.</summary>
    public void Forget(Http1Upstream upstream)
    {
        if (upstream.IdleNode.List is not null)
            _idle.Remove(upstream.IdleNode);
    }

    /// <summary>An HTTP/2 connection is at its end.</summary>
    public void Forget(Http2UpstreamConnection connection) => _http2.Remove(connection);

    /// <summary>Closes every idle connection; returns how many.</summary>
    public int CloseIdle() => CloseIdleSince(long.MaxValue);

    /// <summary>Closes what has been idle since before <paramref name="moment"/> of the loop's clock; returns how many connections.</summary>
    public int CloseIdleSince(long moment)
    {
        var closed = 0;
        for (; _idle.Last is { } node && node.Value.IdleSince < moment; closed++)
            node.Value.Close();
        foreach (var connection in _http2)
        {
            if (!connection.IsIdle || connection.IdleSince >= moment)
                continue;
            connection.Close(); // It leaves the list when its reader has ended.
            closed++;
        }

        return closed;
    }

    private Http2Upstream? TakeStream()
    {
        foreach (var connection in _http2)
        {
            if (connection.CanOpenStream)
                return connection.OpenStream();
        }

        return null;
    }

    /// <summary>
    /// Waits until the port answers, or until <paramref name="until"/> on the loop's clock. All who wait share one probe. An
    /// exchange that is abandoned waits no more, nor does one whose domain leads elsewhere.
    /// </summary>
    public async LoopTask<Upstream?> WaitForAnswerAsync(Exchange exchange, Mapping mapping, long until)
    {
        var wait = exchange.BeginHold(loop);
        while (loop.NowMilliseconds < until)
        {
            wait.IsSet = false;
            _waiting.Add((wait, mapping));
            if (!_isProbing)
                ProbeAsync().RunDetached(loop.Report);
            var result = await wait.WaitAsync(until - loop.NowMilliseconds);
            _waiting.Remove((wait, mapping));
            if (result != WaitResult.Ready || !owner.Router.IsInForce(mapping))
                return null;
            if ((exchange.IsGrpc ? TakeStream() : (Upstream?)TakeIdle(surelyAlive: false)) is { } kept)
                return kept;
            if (await OpenAsync(exchange) is { } opened)
                return opened;
        }

        return null;
    }

    private async LoopTask ProbeAsync()
    {
        _isProbing = true;
        var pause = new Readiness(loop);
        try
        {
            while (_waiting.Count > 0)
            {
                pause.IsSet = false;
                await pause.WaitAsync(Timeouts.Probe);
                WakeWhere(mapping => !owner.Router.IsInForce(mapping));
                if (_waiting.Count == 0 || await ConnectAsync() is not { } connection)
                    continue;
                Return(new Http1Upstream(this, connection));
                WakeWhere(_ => true);
            }
        }
        finally
        {
            _isProbing = false;
        }
    }

    private void WakeWhere(Predicate<Mapping> isMeant)
    {
        foreach (var (wait, mapping) in _waiting.ToArray())
        {
            if (isMeant(mapping))
                wait.Signal();
        }
    }

    private async LoopTask<Connection?> ConnectAsync()
    {
        var overIPv6 = _prefersIPv6;
        var connection = await ConnectAsync(overIPv6);
        if (connection is null)
        {
            overIPv6 = !overIPv6;
            connection = await ConnectAsync(overIPv6);
        }

        if (connection is null)
            return null;
        _prefersIPv6 = overIPv6;
        activity.Answered(Number, loop.NowMilliseconds);
        return connection;
    }

    private async LoopTask<Connection?> ConnectAsync(bool overIPv6)
    {
        var fd = TcpConnector.ConnectToLoopback(Number, overIPv6, out var isConnected);
        if (fd is -Libc.EMFILE or -Libc.ENFILE && owner.FreeDescriptors())
            fd = TcpConnector.ConnectToLoopback(Number, overIPv6, out isConnected);
        if (fd < 0)
            return null;
        var connection = new Connection(loop, fd);
        if (isConnected)
            return connection;
        connection.Writable.IsSet = false; // The edge that says otherwise comes when it has connected, or failed.
        if (await connection.Writable.WaitAsync(Timeouts.Connect) == WaitResult.Ready && connection.TakeConnectError() == 0)
            return connection;
        connection.Close();
        return null;
    }
}

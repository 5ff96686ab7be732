using Hotcore.Loops;
using Hotcore.Proxying.Http1;

namespace Hotcore.Proxying;

/// <summary>
/// One app's port as one loop sees it: the idle connections to it, which address it answers on, and the requests that wait
/// while it refuses. Belongs to one loop.
/// </summary>
internal sealed class UpstreamPort(int number, EventLoop loop, PortActivity activity, Func<bool> freeDescriptors)
{
    private const int MostIdle = 512;

    private readonly LinkedList<Http1Upstream> _idle = new();
    private readonly List<Readiness> _waiting = [];
    private bool _prefersIPv6;
    private bool _isProbing;

    public int Number { get; } = number;

    public bool HasIdle => _idle.Count > 0;

    /// <summary>Takes the connection that was used last, or null. With <paramref name="surelyAlive"/>, only one that was used a moment ago.</summary>
    public Http1Upstream? TakeIdle(bool surelyAlive)
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

    /// <summary>Closes every idle connection; returns how many.</summary>
    public int CloseIdle()
    {
        var count = _idle.Count;
        while (_idle.First is { } node)
            node.Value.Close();
        return count;
    }

    /// <summary>Closes what has been idle since before <paramref name="moment"/>.</summary>
    public void CloseIdleSince(long moment)
    {
        while (_idle.Last is { } node && node.Value.IdleSince < moment)
            node.Value.Close();
    }

    /// <summary>Opens a connection to 127.0.0.1, or to ::1 where only that answers; null when neither does.</summary>
    public async LoopTask<Http1Upstream?> OpenAsync()
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
        return new Http1Upstream(this, connection);
    }

    /// <summary>
    /// Waits until the port answers, or until <paramref name="until"/> on the loop's clock. All who wait share one probe.
    /// <paramref name="wait"/> is the caller's, for calling the wait off.
    /// </summary>
    public async LoopTask<Http1Upstream?> WaitForAnswerAsync(Readiness wait, long until)
    {
        while (loop.NowMilliseconds < until)
        {
            wait.IsSet = false;
            _waiting.Add(wait);
            if (!_isProbing)
                ProbeAsync().RunDetached(loop.Report);
            var result = await wait.WaitAsync(until - loop.NowMilliseconds);
            _waiting.Remove(wait);
            if (result != WaitResult.Ready)
                return null;
            if (TakeIdle(surelyAlive: false) is { } idle)
                return idle;
            if (await OpenAsync() is { } opened)
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
                if (_waiting.Count == 0 || await OpenAsync() is not { } upstream)
                    continue;
                Return(upstream);
                foreach (var wait in _waiting.ToArray())
                    wait.Signal();
            }
        }
        finally
        {
            _isProbing = false;
        }
    }

    private async LoopTask<Connection?> ConnectAsync(bool overIPv6)
    {
        var fd = TcpConnector.ConnectToLoopback(Number, overIPv6, out var isConnected);
        if (fd is -Libc.EMFILE or -Libc.ENFILE && freeDescriptors())
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

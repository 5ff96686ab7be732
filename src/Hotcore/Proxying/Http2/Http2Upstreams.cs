using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// The HTTP/2 connections of one loop to one port. Calls that come while a connection is being opened share it, as far as it takes
/// them: how many those are, its SETTINGS tell. Belongs to one loop.
/// </summary>
internal sealed class Http2Upstreams(EventLoop loop)
{
    private readonly List<Http2UpstreamConnection> _connections = [];
    private readonly List<Readiness> _awaiting = [];
    private bool _isOpening;

    public bool HasIdle => _connections.Exists(connection => connection.IsIdle);

    /// <summary>A stream on a connection that is there, or null.</summary>
    public Http2Upstream? Take()
    {
        foreach (var connection in _connections)
        {
            if (connection.CanOpenStream)
                return connection.OpenStream();
        }

        return null;
    }

    /// <summary>
    /// A stream on a connection that somebody else is opening. Where nobody is, the caller must open one, and says how that went
    /// with <see cref="Add"/> or <see cref="GiveUp"/>.
    /// </summary>
    public async LoopTask<(Http2Upstream? Shared, bool MustOpen)> ShareAsync(Exchange exchange)
    {
        while (_isOpening)
        {
            var wait = exchange.BeginHold(loop);
            wait.IsSet = false;
            _awaiting.Add(wait);
            var result = await wait.WaitAsync(Timeouts.Connect);
            _awaiting.Remove(wait);
            if (result != WaitResult.Ready)
                return (null, false);
            if (Take() is { } shared)
                return (shared, false);
        }

        _isOpening = true;
        return (null, true);
    }

    /// <summary>The connection was opened, and has not said yet how much it takes: runs it, and opens its first stream.</summary>
    public Http2Upstream Add(Http2UpstreamConnection connection)
    {
        _connections.Add(connection);
        var stream = connection.OpenStream(); // First: what the app has said already may end the connection at once, and its streams.
        connection.RunAsync().RunDetached(loop.Report);
        return stream;
    }

    /// <summary>None could be opened: nothing answers for any of those who wait for it.</summary>
    public void GiveUp()
    {
        _isOpening = false;
        foreach (var wait in _awaiting.ToArray())
            wait.Cancel();
    }

    /// <summary>The connection that was being opened takes more streams now, or never will.</summary>
    public void HasOpened()
    {
        _isOpening = false;
        // Later in the round: whoever opened it has the first stream, whose HEADERS come before those of the others (RFC 9113 5.1.1).
        if (_awaiting.Count > 0)
            loop.Schedule(WakeAll);
    }

    /// <summary>A connection is at its end.</summary>
    public void Forget(Http2UpstreamConnection connection) => _connections.Remove(connection);

    /// <summary>Closes what has been idle since before <paramref name="moment"/> of the loop's clock; returns how many.</summary>
    public int CloseSince(long moment)
    {
        var closed = 0;
        foreach (var connection in _connections)
        {
            if (!connection.IsIdle || connection.IdleSince >= moment)
                continue;
            connection.Close(); // It leaves the list when its reader has ended.
            closed++;
        }

        return closed;
    }

    private void WakeAll()
    {
        foreach (var wait in _awaiting.ToArray())
            wait.Signal();
    }
}

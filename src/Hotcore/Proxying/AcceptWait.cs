using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// Watches a connection over which nothing comes yet. Its app may not even have accepted it, because idle ones hold its threads:
/// they are closed then, now and then until <see cref="End"/>. Belongs to one loop.
/// </summary>
internal sealed class AcceptWait(PortState state, EventLoop loop) : Deadline
{
    private long _letInAt;
    private long _patience;
    private bool _isLong;

    /// <summary>The connection, which stands in the port's <see cref="AcceptQueue"/> by that moment, has begun to wait.</summary>
    public void Begin(long letInAt)
    {
        (_letInAt, _patience) = (letInAt, Timeouts.Starving);
        Watch();
    }

    /// <summary>Something came, or nobody waits any more.</summary>
    public void End()
    {
        loop.Timers.Remove(this);
        if (_isLong)
            state.Queue.EndWait();
        _isLong = false;
    }

    internal override void OnDue()
    {
        if (!_isLong)
            state.Queue.BeginWait();
        _isLong = true;
        state.Relieve(_letInAt, loop.NowMilliseconds);
        _patience = Math.Min(2 * _patience, Timeouts.BetweenReliefs);
        Watch();
    }

    private void Watch() => loop.Timers.Set(this, loop.NowMilliseconds + _patience);
}

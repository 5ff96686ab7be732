using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// Watches a connection over which nothing comes yet. Its app may not even have accepted it, because idle ones hold its threads:
/// they are closed then, now and then until <see cref="End"/>. Belongs to one loop.
/// </summary>
internal sealed class AcceptWait(PortState state, EventLoop loop) : Deadline
{
    private long _number;
    private long _patience;

    /// <summary>The connection, by its number of the port's <see cref="AcceptQueue"/>, has begun to wait.</summary>
    public void Begin(long number)
    {
        (_number, _patience) = (number, Timeouts.Starving);
        Watch();
    }

    /// <summary>Something came, or nobody waits any more.</summary>
    public void End() => loop.Timers.Remove(this);

    internal override void OnDue()
    {
        state.Relieve(_number, loop.NowMilliseconds);
        _patience = Math.Min(2 * _patience, Timeouts.BetweenReliefs);
        Watch();
    }

    private void Watch() => loop.Timers.Set(this, loop.NowMilliseconds + _patience);
}

using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>What a client's connection carries: its requests, in the protocol the client chose. Belongs to one loop.</summary>
internal abstract class ClientSession
{
    /// <summary>Serves the client until either side has enough. The connection is closed by the caller.</summary>
    public abstract LoopTask RunAsync();

    /// <summary>Ends the work in flight from outside of it; the methods that are at it end in the next round.</summary>
    public abstract void Abandon();

    /// <summary>hotcore is draining, in a hurry or not: what is in flight is finished, nothing new is begun. Safe to repeat.</summary>
    public abstract void Drain();

    /// <summary>
    /// hotcore is stopping and waits no longer: begins to close the WebSockets that are open, and ends what else is in flight.
    /// False when there is none, and nothing to wait for.
    /// </summary>
    public abstract bool TryGoAway();

    /// <summary>Input or an end arrived while nothing waits to receive.</summary>
    public abstract void NoticeInput();

    /// <summary>The client is still sending when the session is over: closing at once would take back what it has not read.</summary>
    public abstract bool MustLinger { get; }

    /// <summary>What it still sends is the rest of a request that was answered, and nothing that was wrong.</summary>
    public abstract bool IsOwedPatience { get; }
}

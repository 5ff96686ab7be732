namespace Hotcore.Proxying;

/// <summary>
/// The connections that one port has let into its queue, in the order in which the app gets to accept them: one over which something
/// comes shows that those before it have been accepted. An app with one thread accepts none while that thread reads from a kept
/// connection, which only hotcore can end. A connection stands here by the moment at which it was let in, in milliseconds of the
/// loops' clock. Any thread.
/// </summary>
internal sealed class AcceptQueue
{
    /// <summary>Two loops may see their connections let in in another order than the app does: only such a distance tells.</summary>
    public const long Distance = 100;

    private long _accepted;
    private long _starving;
    private int _waiting;

    /// <summary>A connection waits whose app may never accept it, unless idle ones are closed and none is kept.</summary>
    public bool HasStarving => Volatile.Read(ref _waiting) > 0 && Volatile.Read(ref _starving) > Volatile.Read(ref _accepted);

    /// <summary>Whether the connection let in at that moment has been accepted, as far as others tell.</summary>
    public bool IsAccepted(long moment) => moment <= Volatile.Read(ref _accepted);

    /// <summary>Something came over the connection let in at that moment.</summary>
    public void NoteAccepted(long moment) => RaiseTo(ref _accepted, moment - Distance);

    /// <summary>One more connection has waited for a while; each is followed by an <see cref="EndWait"/>.</summary>
    public void BeginWait() => Interlocked.Increment(ref _waiting);

    /// <summary>That one waits no more.</summary>
    public void EndWait() => Interlocked.Decrement(ref _waiting);

    /// <summary>Of those that wait, one was let in at that moment, or is not even let in.</summary>
    public void NoteStarving(long moment) => RaiseTo(ref _starving, moment);

    private static void RaiseTo(ref long most, long moment)
    {
        var before = Volatile.Read(ref most);
        while (moment > before)
        {
            var seen = Interlocked.CompareExchange(ref most, moment, before);
            if (seen == before)
                return;
            before = seen;
        }
    }
}

namespace Hotcore.Proxying;

/// <summary>
/// The connections opened to one port, numbered once they are in its queue, thus in the order in which the app gets to accept them: one
/// over which something comes shows that those before it have been accepted. An app with one thread accepts none while that thread reads from a kept connection, which only
/// hotcore can end. Any thread.
/// </summary>
internal sealed class AcceptQueue
{
    private long _opened;
    private long _accepted;
    private long _starving;

    /// <summary>A connection waits whose app may never accept it, unless idle ones are closed and none is kept.</summary>
    public bool HasStarving => Volatile.Read(ref _starving) > Volatile.Read(ref _accepted);

    /// <summary>The number of a connection that the port has let in just now, or did not.</summary>
    public long TakeNumber() => Interlocked.Increment(ref _opened);

    /// <summary>Whether that connection has been accepted, as far as can be told.</summary>
    public bool IsAccepted(long number) => number <= Volatile.Read(ref _accepted);

    /// <summary>Something came over that connection.</summary>
    public void NoteAccepted(long number) => RaiseTo(ref _accepted, number);

    /// <summary>That connection was not let in for a while, or nothing has come over it.</summary>
    public void NoteStarving(long number) => RaiseTo(ref _starving, number);

    private static void RaiseTo(ref long most, long number)
    {
        var before = Volatile.Read(ref most);
        while (number > before)
        {
            var seen = Interlocked.CompareExchange(ref most, number, before);
            if (seen == before)
                return;
            before = seen;
        }
    }
}

namespace Hotcore.Proxying.Http1;

/// <summary>
/// The connections of one loop to one port that wait for their next request: those that anyone may take, and those that one
/// client has to itself. An app that answered without reading a request's body has the rest of it before it still, and takes it
/// for the next request; nobody can see that, so a connection that carried a body serves its client alone from then on, and ends
/// with it. Belongs to one loop.
/// </summary>
internal sealed class IdleUpstreams
{
    private const int Most = 512;

    // Those used last come first.
    private readonly LinkedList<Http1Upstream> _shared = new();
    private readonly LinkedList<Http1Upstream> _owned = new();

    public bool IsEmpty => _shared.Count + _owned.Count == 0;

    /// <summary>
    /// A connection for <paramref name="exchange"/>, which owns it then, or null. With <paramref name="surelyAlive"/>, only one that
    /// was used a moment ago; an older one is closed for it, so that it does not keep the app from accepting the new one.
    /// </summary>
    public Http1Upstream? Take(UpstreamPort port, Exchange exchange, bool surelyAlive) =>
        TakeOwned(port, exchange, surelyAlive) ?? TakeShared(surelyAlive);

    /// <summary>Keeps a connection; false when there are too many, or its client is gone.</summary>
    public bool TryAdd(Http1Upstream upstream)
    {
        if (_shared.Count + _owned.Count >= Most || upstream.Owner is { Connection.IsClosed: true })
            return false;
        (upstream.Owner is null ? _shared : _owned).AddFirst(upstream.IdleNode);
        upstream.Owner?.OwnUpstreams.AddFirst(upstream.OwnNode);
        return true;
    }

    /// <summary>A connection is taken or closed; safe to repeat.</summary>
    public static void Remove(Http1Upstream upstream)
    {
        upstream.IdleNode.List?.Remove(upstream.IdleNode);
        upstream.OwnNode.List?.Remove(upstream.OwnNode);
    }

    /// <summary>Closes what has been idle since before <paramref name="moment"/> of the loop's clock; returns how many.</summary>
    public int CloseSince(long moment) => CloseSince(_shared, moment) + CloseSince(_owned, moment);

    private static Http1Upstream? TakeOwned(UpstreamPort port, Exchange exchange, bool surelyAlive)
    {
        if (!exchange.Client.HasOwnUpstreams || exchange.SpeaksForMany)
            return null;
        for (var node = exchange.Client.OwnUpstreams.First; node is not null;)
        {
            var upstream = node.Value;
            node = node.Next;
            if (upstream.Port == port && TryTake(upstream, surelyAlive, out _))
                return upstream;
        }

        return null;
    }

    private Http1Upstream? TakeShared(bool surelyAlive)
    {
        while (_shared.First is { } node)
        {
            if (TryTake(node.Value, surelyAlive, out var isTooOld))
                return node.Value;
            if (isTooOld)
                return null; // So are those behind it.
        }

        return null;
    }

    private static bool TryTake(Http1Upstream upstream, bool surelyAlive, out bool isTooOld)
    {
        var loop = upstream.Connection.Loop;
        isTooOld = surelyAlive && loop.NowMilliseconds - upstream.IdleSince > Timeouts.SurelyAlive;
        Remove(upstream);
        if (!isTooOld && upstream.Connection.IsSilent(upstream.IdleSinceRound))
            return true;
        upstream.Close();
        return false;
    }

    private static int CloseSince(LinkedList<Http1Upstream> idle, long moment)
    {
        var closed = 0;
        for (; idle.Last is { } node && node.Value.IdleSince < moment; closed++)
            node.Value.Close();
        return closed;
    }
}

namespace Hotcore.Proxying.Http2;

/// <summary>
/// How much a peer may send before it is granted more (RFC 9113 5.2). What it may send is what we promise to hold, so it begins
/// small, and grows only as long as what arrives is passed on at once: a slow reader behind us never makes it grow.
/// </summary>
internal struct ReceiveWindow(int initial, int most)
{
    /// <summary>What SETTINGS_INITIAL_WINDOW_SIZE says.</summary>
    public const int OfStream = 64 * 1024;

    public const int MostOfStream = 512 * 1024;

    public const int OfConnection = 256 * 1024;

    /// <summary>Several times a stream's, so that one body which its app does not take holds up no other.</summary>
    public const int MostOfConnection = 2 * 1024 * 1024;

    /// <summary>
    /// Of a connection to an app, which clients share: whatever some of them leave unread, it never holds up the others. Its
    /// streams' windows need not grow, since nothing on one machine is far away.
    /// </summary>
    public const int OfSharedConnection = Http2UpstreamConnection.MostStreams * OfStream;

    private int _size = initial;
    private int _granted = initial;
    private int _returned;

    /// <summary>Counts what arrived; false when it was more than was granted.</summary>
    public bool TryTake(int bytes)
    {
        _granted -= bytes;
        return _granted >= 0;
    }

    /// <summary>
    /// Counts what has been passed on; the result is by how much the peer's window is to grow now, 0 as long as that is not
    /// worth a frame.
    /// </summary>
    public int Return(int bytes, bool mayGrow)
    {
        _returned += bytes;
        if (_returned < _size / 2)
            return 0;
        var growth = mayGrow ? Math.Min(_size, most - _size) : 0;
        var increment = _returned + growth;
        _size += growth;
        _granted += increment;
        _returned = 0;
        return increment;
    }
}

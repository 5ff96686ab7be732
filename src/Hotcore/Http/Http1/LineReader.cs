namespace Hotcore.Http.Http1;

/// <summary>How far the parsing of a head or trailer section has come.</summary>
internal enum ParseStatus
{
    NeedMore,
    Complete,
    Invalid,
}

/// <summary>
/// Takes CRLF-terminated lines from bytes that grow: remembers where the next line starts and up to where its end was looked
/// for, so that a head that drips in byte by byte is still read only once. A line ends in CRLF and in nothing else: RFC 9112
/// 2.2 would let a bare LF pass, and that leniency is what request smuggling lives on.
/// </summary>
internal struct LineReader
{
    private int _searchedTo;

    /// <summary>Where the next line starts; after the last line, where the section ended.</summary>
    public int Position { get; private set; }

    /// <summary>Finds the next line: <see cref="ParseStatus.Invalid"/> when it ends in a bare LF.</summary>
    /// <param name="section">All of the section that was received, from its start on.</param>
    /// <param name="start">Where the line starts.</param>
    /// <param name="length">Its length without CRLF.</param>
    public ParseStatus TakeLine(ReadOnlySpan<byte> section, out int start, out int length)
    {
        start = Position;
        length = 0;
        var feed = section[_searchedTo..].IndexOf((byte)'\n');
        if (feed < 0)
        {
            _searchedTo = section.Length;
            return ParseStatus.NeedMore;
        }

        var end = _searchedTo + feed;
        if (end == start || section[end - 1] != '\r')
            return ParseStatus.Invalid;
        length = end - 1 - start;
        Position = _searchedTo = end + 1;
        return ParseStatus.Complete;
    }
}

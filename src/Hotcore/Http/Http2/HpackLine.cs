namespace Hotcore.Http.Http2;

/// <summary>What came out of a field block.</summary>
internal enum HpackStatus
{
    /// <summary>A line was decoded.</summary>
    Line,

    /// <summary>The block is used up.</summary>
    End,

    /// <summary>The block is broken, and with it the whole connection: COMPRESSION_ERROR (RFC 9113 4.3).</summary>
    Invalid,

    /// <summary>The line does not fit into the room given.</summary>
    TooLong,
}

/// <summary>
/// One field as the line <c>name ": " value CR LF</c>, by its lengths in bytes: the name stands at 0, the value at
/// <see cref="NameLength"/> + 2.
/// </summary>
internal readonly record struct HpackLine(int NameLength, int ValueLength)
{
    /// <summary>What a line has besides name and value: colon, blank, CR, LF.</summary>
    public const int FrameBytes = 4;

    public int Length => NameLength + 2 + ValueLength + 2;
}

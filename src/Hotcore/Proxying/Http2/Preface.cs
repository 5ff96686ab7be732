namespace Hotcore.Proxying.Http2;

/// <summary>How the first bytes of a connection compare with what an HTTP/2 client begins with.</summary>
internal enum PrefaceMatch
{
    No,

    /// <summary>So far; more is to be received.</summary>
    Beginning,

    Whole,
}

/// <summary>The 24 octets that a client sends first (RFC 9113 3.4).</summary>
internal static class Preface
{
    public static ReadOnlySpan<byte> Bytes => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public static PrefaceMatch Match(ReadOnlySpan<byte> received)
    {
        if (received.Length >= Bytes.Length)
            return received.StartsWith(Bytes) ? PrefaceMatch.Whole : PrefaceMatch.No;
        return Bytes.StartsWith(received) ? PrefaceMatch.Beginning : PrefaceMatch.No;
    }
}

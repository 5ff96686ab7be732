using Hotcore.Loops;

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

    /// <summary>
    /// Receives until it can be told; <see cref="PrefaceMatch.Beginning"/> when the client ended, or fell silent, in the middle of it.
    /// </summary>
    public static async LoopTask<PrefaceMatch> ReceiveAsync(Connection connection, ReceiveBuffer input)
    {
        var until = connection.Loop.NowMilliseconds + Timeouts.RequestHead;
        while (Match(input.Unread) == PrefaceMatch.Beginning)
        {
            var received = input.FillFrom(connection);
            if (received is 0 or Connection.Failed)
                break;
            if (received == Connection.WouldBlock
                && await connection.Readable.WaitAsync(Math.Max(0, until - connection.Loop.NowMilliseconds)) != WaitResult.Ready)
                break;
        }

        return Match(input.Unread);
    }

    private static PrefaceMatch Match(ReadOnlySpan<byte> received)
    {
        if (received.Length >= Bytes.Length)
            return received.StartsWith(Bytes) ? PrefaceMatch.Whole : PrefaceMatch.No;
        return Bytes.StartsWith(received) ? PrefaceMatch.Beginning : PrefaceMatch.No;
    }
}

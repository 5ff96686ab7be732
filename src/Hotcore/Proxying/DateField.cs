using System.Buffers.Text;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// The Date of answers that have none (RFC 9110 6.6.1), written anew once a second, when there is one to send. Belongs to one loop.
/// </summary>
internal sealed class DateField(EventLoop loop)
{
    private const int MillisecondsOfOne = 1000;

    private readonly byte[] _line = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"u8.ToArray();
    private long _validUntil = long.MinValue;

    /// <summary>The line, with its end; to be copied at once.</summary>
    public ReadOnlySpan<byte> Line
    {
        get
        {
            if (loop.NowMilliseconds >= _validUntil)
                Write(DateTimeOffset.UtcNow);
            return _line;
        }
    }

    /// <summary>The value alone; to be copied at once.</summary>
    public ReadOnlySpan<byte> Value => Line["Date: ".Length..^"\r\n".Length];

    private void Write(DateTimeOffset now)
    {
        _ = Utf8Formatter.TryFormat(now, _line.AsSpan("Date: ".Length), out _, 'R'); // 29 bytes, whatever the date is.
        _validUntil = loop.NowMilliseconds + MillisecondsOfOne - now.Millisecond;
    }
}

namespace Hotcore.Http.Http1;

/// <summary>Reads Content-Length to the letter: 1*DIGIT (RFC 9110 8.6) that fits 63 bits. No sign, no list, no second value.</summary>
internal static class ContentLength
{
    public static bool TryParse(ReadOnlySpan<byte> value, out long length)
    {
        length = 0;
        if (value.IsEmpty)
            return false;
        foreach (var digit in value)
        {
            if (digit is < (byte)'0' or > (byte)'9' || length > (long.MaxValue - 9) / 10)
                return false;
            length = length * 10 + (digit - '0');
        }

        return true;
    }
}

namespace Hotcore.Http.Http2;

/// <summary>HPACK's integers (RFC 7541 5.1): the low bits of an octet, and when these are all ones, seven bits an octet more.</summary>
internal static class HpackInteger
{
    /// <summary>As many octets as any integer takes that <see cref="Write"/> is given.</summary>
    public const int MostBytes = 6;

    // 28 bits: more than any length or index here can mean, and far from an overflow. What is padded with zeros beyond
    // that is refused as well.
    private const int MostContinuationBits = 28;

    /// <summary>
    /// Reads an integer at <paramref name="position"/> and moves behind it; false when it does not end in the block or is too
    /// large. <paramref name="prefix"/> has the bits of the first octet that belong to it; that octet must be there.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> block, ref int position, int prefix, out int value)
    {
        value = block[position++] & prefix;
        return value < prefix || TryReadRest(block, ref position, ref value);
    }

    /// <summary>Writes an integer below and beside the bits of <paramref name="kind"/>; returns how many octets it took.</summary>
    public static int Write(Span<byte> target, int kind, int prefix, int value)
    {
        if (value < prefix)
        {
            target[0] = (byte)(kind | value);
            return 1;
        }

        target[0] = (byte)(kind | prefix);
        var length = 1;
        for (value -= prefix; value >= 0x80; value >>= 7)
            target[length++] = (byte)(0x80 | value);
        target[length++] = (byte)value;
        return length;
    }

    private static bool TryReadRest(ReadOnlySpan<byte> block, ref int position, ref int value)
    {
        for (var shift = 0; shift < MostContinuationBits && position < block.Length; shift += 7)
        {
            var octet = block[position++];
            value += (octet & 0x7F) << shift;
            if (octet < 0x80)
                return true;
        }

        return false;
    }
}

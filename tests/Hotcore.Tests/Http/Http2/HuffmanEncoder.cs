namespace Hotcore.Http.Http2;

/// <summary>Encodes strings in Huffman's code (RFC 7541 5.2), as peers do and hotcore does not.</summary>
internal static class HuffmanEncoder
{
    /// <summary>How long <see cref="Encode"/> will be, in bytes.</summary>
    public static int EncodedLength(ReadOnlySpan<byte> text)
    {
        var bitCount = 0L;
        foreach (var octet in text)
            bitCount += HuffmanCode.BitCount(octet);
        return (int)((bitCount + 7) / 8);
    }

    /// <summary>Encodes; <paramref name="target"/> must have room for <see cref="EncodedLength"/>, which is returned.</summary>
    public static int Encode(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var (bits, bitCount, written) = (0UL, 0, 0);
        foreach (var octet in text)
        {
            bits = bits << HuffmanCode.BitCount(octet) | HuffmanCode.Code(octet);
            bitCount += HuffmanCode.BitCount(octet);
            for (; bitCount >= 8; bitCount -= 8)
                target[written++] = (byte)(bits >> (bitCount - 8));
        }

        if (bitCount > 0)
            target[written++] = (byte)(bits << (8 - bitCount) | 0xFFU >> bitCount);
        return written;
    }
}

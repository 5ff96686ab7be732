using System.Buffers.Binary;

namespace Hotcore.Http.Http2;

/// <summary>Strings in Huffman's code (RFC 7541 5.2): octets as bits without gaps, and the last octet filled up with ones.</summary>
internal static class Huffman
{
    /// <summary>What <see cref="Decode"/> says of what is no such string.</summary>
    public const int Invalid = -1;

    /// <summary>What <see cref="Decode"/> says when the string is longer than the room for it.</summary>
    public const int NoRoom = -2;

    // At most so many bits fill up the last octet.
    private const int MostPaddingBits = 7;

    /// <summary>
    /// Decodes a whole string; returns its length. <see cref="Invalid"/> when it has the end of string in it, is filled up with
    /// more than 7 bits or with others than ones; <see cref="NoRoom"/> when <paramref name="target"/> is too small.
    /// </summary>
    public static int Decode(ReadOnlySpan<byte> code, Span<byte> target)
    {
        // The next bits, from the top; how many of them are there; and up to where code was read.
        var (bits, bitCount, read, written) = (0UL, 0, 0, 0);
        while (true)
        {
            Fill(code, ref read, ref bits, ref bitCount);
            do
            {
                int symbol = HuffmanCode.Short[bits >> (64 - HuffmanCode.ShortBits)];
                var length = symbol >> 8;
                if (length == 0)
                    symbol = HuffmanCode.FindLong((uint)(bits >> 32), out length);
                if (length > bitCount)
                    return IsPadding(bits, bitCount) ? written : Invalid;
                if (symbol == HuffmanCode.EndOfString)
                    return Invalid;
                if ((uint)written >= (uint)target.Length)
                    return NoRoom;
                target[written++] = (byte)symbol;
                bits <<= length;
                bitCount -= length;
            }
            while (bitCount >= HuffmanCode.LongestBits);
        }
    }

    /// <summary>Tops up to at least 56 bits, or to all there are. What stands below these may be of the next octet already.</summary>
    private static void Fill(ReadOnlySpan<byte> code, ref int read, ref ulong bits, ref int bitCount)
    {
        if (BinaryPrimitives.TryReadUInt64BigEndian(code[read..], out var next))
        {
            bits |= next >> bitCount;
            var octets = (63 - bitCount) / 8;
            read += octets;
            bitCount += octets * 8;
            return;
        }

        for (; bitCount <= 56 && read < code.Length; bitCount += 8)
            bits |= (ulong)code[read++] << (56 - bitCount);
    }

    private static bool IsPadding(ulong bits, int bitCount) =>
        bitCount <= MostPaddingBits && (bits | ulong.MaxValue >> bitCount) == ulong.MaxValue;
}

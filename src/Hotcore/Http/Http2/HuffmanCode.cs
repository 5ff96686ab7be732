namespace Hotcore.Http.Http2;

/// <summary>
/// The code itself (RFC 7541 appendix B). It is canonical: of two symbols the one with the shorter code, or else the smaller
/// one, has the smaller code; so the lengths say it all, and the tables to encode and decode with are made of them.
/// </summary>
internal static class HuffmanCode
{
    public const int EndOfString = 256;
    public const int LongestBits = 30;

    /// <summary>
    /// Codes up to this length are found by a look into <see cref="Short"/>: 5 to 8 bits are what texts are made of, 10 have
    /// the rarer marks, too.
    /// </summary>
    public const int ShortBits = 10;

    // How many bits each octet's code has, and the last one that of the end of a string.
    private static readonly byte[] BitCounts =
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    // All symbols in the order of their codes.
    private static readonly ushort[] Symbols =
        [.. Enumerable.Range(0, BitCounts.Length).OrderBy(symbol => BitCounts[symbol]).Select(symbol => (ushort)symbol)];

    private static readonly uint[] Codes = new uint[BitCounts.Length];

    // For each length, where its codes end: the first code that is longer, with its bits moved to the top of 32; and where
    // in Symbols these codes begin.
    private static readonly ulong[] Ends = new ulong[LongestBits + 1];
    private static readonly int[] Firsts = new int[LongestBits + 1];

    static HuffmanCode()
    {
        var code = 0UL;
        var rank = 0;
        for (var bitCount = 1; bitCount <= LongestBits; bitCount++)
        {
            Firsts[bitCount] = rank;
            for (; rank < Symbols.Length && BitCounts[Symbols[rank]] == bitCount; rank++)
            {
                Codes[Symbols[rank]] = (uint)(code >> (32 - bitCount));
                code += 1UL << (32 - bitCount);
            }

            Ends[bitCount] = code;
        }

        FillShort();
    }

    /// <summary>
    /// By the next <see cref="ShortBits"/> bits: the octet they begin with, and above it how many bits are its code; 0 when
    /// they begin a longer code.
    /// </summary>
    public static ushort[] Short { get; } = new ushort[1 << ShortBits];

    public static int BitCount(int symbol) => BitCounts[symbol];

    /// <summary>The code, in the lowest bits.</summary>
    public static uint Code(int symbol) => Codes[symbol];

    /// <summary>The symbol whose code these 32 bits begin with, when it is longer than <see cref="ShortBits"/>.</summary>
    public static int FindLong(uint bits, out int bitCount)
    {
        bitCount = ShortBits + 1;
        while (bits >= Ends[bitCount])
            bitCount++;
        var first = Ends[bitCount - 1];
        return Symbols[Firsts[bitCount] + (int)((bits - first) >> (32 - bitCount))];
    }

    private static void FillShort()
    {
        for (var symbol = 0; symbol < EndOfString; symbol++)
        {
            var rest = ShortBits - BitCounts[symbol];
            if (rest >= 0)
                Short.AsSpan((int)Codes[symbol] << rest, 1 << rest).Fill((ushort)(BitCounts[symbol] << 8 | symbol));
        }
    }
}

using System.Buffers;

namespace Hotcore.Http.Http1;

/// <summary>
/// Reads <c>chunk-size [chunk-ext] CRLF</c> (RFC 9112 7.1). Extensions are read, held to their grammar, and dropped: a bare CR or
/// LF hidden in one is what makes two parsers disagree about where the chunk begins. An answer's size may have blanks behind it and
/// any number of zeros in front, and its extensions are held to what cannot be taken for the end of the line.
/// </summary>
internal static class ChunkLine
{
    /// <summary>15 hexadecimal digits: far beyond any chunk, and no overflow.</summary>
    private const int MostSizeDigits = 15;

    private static readonly SearchValues<byte> HexadecimalDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    public static ParseStatus TryRead(
        ReadOnlySpan<byte> received, int mostBytes, bool isLenient, out int lineLength, out long size)
    {
        (lineLength, size) = (0, 0);
        var feed = received.IndexOf((byte)'\n');
        if (feed < 0)
            return received.Length > mostBytes ? ParseStatus.Invalid : ParseStatus.NeedMore;
        if (feed == 0 || feed > mostBytes || received[feed - 1] != '\r')
            return ParseStatus.Invalid;
        lineLength = feed + 1;
        return TryParse(received[..(feed - 1)], isLenient, out size) ? ParseStatus.Complete : ParseStatus.Invalid;
    }

    private static bool TryParse(ReadOnlySpan<byte> line, bool isLenient, out long size)
    {
        size = 0;
        var digits = line.IndexOfAnyExcept(HexadecimalDigits);
        if (digits < 0)
            digits = line.Length;
        var number = isLenient ? line[..digits].TrimStart((byte)'0') : line[..digits];
        if (digits == 0 || number.Length > MostSizeDigits)
            return false;
        foreach (var digit in number)
            size = size * 16 + ValueOf(digit);
        return isLenient ? IsTolerable(line[digits..]) : ChunkExtensions.AreValid(line[digits..]);
    }

    private static bool IsTolerable(ReadOnlySpan<byte> rest)
    {
        var extension = rest.TrimStart(" \t"u8);
        return extension.IsEmpty || (extension[0] == ';' && FieldLine.IsTolerableValue(extension));
    }

    private static int ValueOf(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

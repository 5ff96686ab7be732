using System.Buffers;

namespace Hotcore.Http.Http1;

/// <summary>Parses one field line (RFC 9112 5): no folding, no space before the colon, no control character in the value.</summary>
internal static class FieldLine
{
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    private static readonly SearchValues<byte> ForbiddenInValue = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b != '\t').Append(127).Select(b => (byte)b)]);

    /// <summary>Whether the bytes are a token (RFC 9110 5.6.2) of at least one character.</summary>
    public static bool IsToken(ReadOnlySpan<byte> bytes) => !bytes.IsEmpty && bytes.IndexOfAnyExcept(TokenBytes) < 0;

    /// <summary>Whether a value, or a reason phrase, has only characters that may stand there (RFC 9110 5.5).</summary>
    public static bool IsValue(ReadOnlySpan<byte> bytes) => bytes.IndexOfAny(ForbiddenInValue) < 0;

    /// <summary>Parses the line at <paramref name="start"/> of <paramref name="section"/>, its CRLF excluded.</summary>
    public static bool TryParse(ReadOnlySpan<byte> section, int start, int length, out Field field)
    {
        field = default;
        var line = section.Slice(start, length);
        var colon = line.IndexOf((byte)':');
        // A name holds no blank, so a folded line (which starts with one) ends here too.
        if (colon is <= 0 or > short.MaxValue || !IsToken(line[..colon]) || !IsValue(line[(colon + 1)..]))
            return false;
        var valueStart = colon + 1;
        while (valueStart < line.Length && IsBlank(line[valueStart]))
            valueStart++;
        var valueEnd = line.Length;
        while (valueEnd > valueStart && IsBlank(line[valueEnd - 1]))
            valueEnd--;
        field = new Field
        {
            LineStart = start,
            LineEnd = start + length + 2,
            NameLength = (short)colon,
            ValueStart = start + valueStart,
            ValueLength = valueEnd - valueStart,
            Known = FieldNames.Identify(line[..colon]),
        };
        return true;
    }

    private static bool IsBlank(byte b) => b is (byte)' ' or (byte)'\t';
}

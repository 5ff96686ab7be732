using System.Buffers;
using System.Runtime.CompilerServices;

namespace Hotcore.Http.Http1;

/// <summary>
/// Parses one field line (RFC 9112 5): no folding, no blank before the colon, no control character in the value. An answer may have
/// such blanks and, but for CR, LF and NUL, such characters.
/// </summary>
internal static class FieldLine
{
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    private static readonly SearchValues<byte> ForbiddenInValue = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b != '\t').Append(127).Select(b => (byte)b)]);

    // What ends a line for somebody, or a string.
    private static readonly SearchValues<byte> ForbiddenAnywhere = SearchValues.Create("\r\n\0"u8);

    /// <summary>Whether the bytes are a token (RFC 9110 5.6.2) of at least one character.</summary>
    public static bool IsToken(ReadOnlySpan<byte> bytes) => !bytes.IsEmpty && bytes.IndexOfAnyExcept(TokenBytes) < 0;

    /// <summary>How many of the bytes, from the first on, may stand in a token.</summary>
    public static int TokenLength(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.IndexOfAnyExcept(TokenBytes);
        return length < 0 ? bytes.Length : length;
    }

    /// <summary>Whether a value, or a reason phrase, has only characters that may stand there (RFC 9110 5.5).</summary>
    public static bool IsValue(ReadOnlySpan<byte> bytes) => bytes.IndexOfAny(ForbiddenInValue) < 0;

    /// <summary>Whether a value, or a reason phrase, of an answer means the same to everybody (RFC 9110 5.5).</summary>
    public static bool IsTolerableValue(ReadOnlySpan<byte> bytes) =>
        IsValue(bytes) || bytes.IndexOfAny(ForbiddenAnywhere) < 0;

    /// <summary>The value without the control characters and blanks at its ends.</summary>
    public static ReadOnlySpan<byte> TrimControls(ReadOnlySpan<byte> value)
    {
        while (!value.IsEmpty && value[0] is <= (byte)' ' or 127)
            value = value[1..];
        while (!value.IsEmpty && value[^1] is <= (byte)' ' or 127)
            value = value[..^1];
        return value;
    }

    /// <summary>Has a blank stand for each control character (RFC 9110 5.5).</summary>
    public static void BlankControls(Span<byte> value)
    {
        for (var at = value.IndexOfAny(ForbiddenInValue); at >= 0; at = value.IndexOfAny(ForbiddenInValue))
        {
            value[at] = (byte)' ';
            value = value[(at + 1)..];
        }
    }

    /// <summary>Parses the line at <paramref name="start"/> of <paramref name="section"/>, its CRLF excluded.</summary>
    public static bool TryParse(ReadOnlySpan<byte> section, int start, int length, out Field field)
    {
        var line = section.Slice(start, length);
        var colon = line.IndexOf((byte)':');
        // A name holds no blank, so a folded line (which starts with one) ends here too.
        if (colon is <= 0 or > short.MaxValue || !IsToken(line[..colon]) || !IsValue(line[(colon + 1)..]))
        {
            field = default;
            return false;
        }

        Describe(line, start, colon, colon, out field);
        return true;
    }

    /// <summary>
    /// The same for a line of an answer. Blanks before the colon go, in place (RFC 9112 5.1): the name is moved up to it.
    /// </summary>
    public static bool TryParseLeniently(Span<byte> section, int start, int length, out Field field) =>
        TryParse(section, start, length, out field) || TryParseOdd(section.Slice(start, length), start, out field);

    /// <summary>What is wrong with a line that <see cref="TryParseLeniently"/> has refused.</summary>
    public static AnswerFault FaultOf(ReadOnlySpan<byte> line) => AnswerFault.Of(
        line,
        line[0] is (byte)' ' or (byte)'\t' ? "which is a folded line"
        : IsTolerableValue(line) ? "which is no field line"
        : "which has a CR or NUL in it");

    private static bool TryParseOdd(Span<byte> line, int start, out Field field)
    {
        field = default;
        var colon = line.IndexOf((byte)':');
        if (colon is <= 0 or > short.MaxValue || !IsTolerableValue(line[(colon + 1)..]))
            return false;
        var nameLength = colon;
        while (nameLength > 0 && IsBlank(line[nameLength - 1]))
            nameLength--;
        var name = line[..nameLength];
        if (!IsToken(name))
            return false;
        if (nameLength < colon)
            name.CopyTo(line[(colon - nameLength)..]);
        Describe(line, start, colon, nameLength, out field);
        field.HasControls = !IsValue(line[(colon + 1)..]);
        return true;
    }

    // For every line of every head: without a call, and written where it stays.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Describe(ReadOnlySpan<byte> line, int start, int colon, int nameLength, out Field field)
    {
        var valueStart = colon + 1;
        while (valueStart < line.Length && IsBlank(line[valueStart]))
            valueStart++;
        var valueEnd = line.Length;
        while (valueEnd > valueStart && IsBlank(line[valueEnd - 1]))
            valueEnd--;
        var nameStart = colon - nameLength;
        field.LineStart = start + nameStart;
        field.LineEnd = start + line.Length + 2;
        field.NameLength = (short)nameLength;
        field.ValueStart = start + valueStart;
        field.ValueLength = valueEnd - valueStart;
        field.Known = FieldNames.Identify(line[nameStart..colon]);
        field.HasControls = false;
    }

    private static bool IsBlank(byte b) => b is (byte)' ' or (byte)'\t';
}

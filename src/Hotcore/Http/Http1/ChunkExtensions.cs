namespace Hotcore.Http.Http1;

/// <summary>
/// The grammar of what may stand behind a chunk's size (RFC 9112 7.1.1): <c>*( BWS ";" BWS name [ BWS "=" BWS value ] )</c>, a value
/// being a token or a quoted string. Blanks are let pass where the grammar has them: within a line that ends in CRLF they hide
/// nothing, and all of it is dropped.
/// </summary>
internal static class ChunkExtensions
{
    public static bool AreValid(ReadOnlySpan<byte> rest)
    {
        if (!FieldLine.IsValue(rest))
            return false;
        while (!rest.IsEmpty)
        {
            rest = SkipBlanks(rest);
            if (rest.IsEmpty || rest[0] != ';')
                return false;
            rest = SkipBlanks(rest[1..]);
            if (!TrySkipToken(ref rest))
                return false;
            var value = SkipBlanks(rest);
            if (value.IsEmpty || value[0] != '=')
                continue;
            rest = SkipBlanks(value[1..]);
            if (!TrySkipQuotedString(ref rest) && !TrySkipToken(ref rest))
                return false;
        }

        return true;
    }

    private static ReadOnlySpan<byte> SkipBlanks(ReadOnlySpan<byte> bytes) => bytes.TrimStart(" \t"u8);

    private static bool TrySkipToken(ref ReadOnlySpan<byte> rest)
    {
        var length = FieldLine.TokenLength(rest);
        rest = rest[length..];
        return length > 0;
    }

    /// <summary>RFC 9110 5.6.4; control characters were looked for already.</summary>
    private static bool TrySkipQuotedString(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty || rest[0] != '"')
            return false;
        for (var i = 1; i < rest.Length; i++)
        {
            if (rest[i] == '\\')
            {
                i++;
            }
            else if (rest[i] == '"')
            {
                rest = rest[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}

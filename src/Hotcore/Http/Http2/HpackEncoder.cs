namespace Hotcore.Http.Http2;

/// <summary>
/// Encodes fields (RFC 7541) without a dynamic table: there is nothing to keep for a connection, and no table that an attacker
/// could probe for secrets (7.1). Every method writes to the start of its target and returns how many bytes.
/// </summary>
internal static class HpackEncoder
{
    private const int Indexed = 0x80;
    private const int SizeUpdate = 0x20;
    private const int NeverIndexed = 0x10;
    private const int NotIndexed = 0x00;
    private const int NamePrefix = 0x0F;
    private const int IndexPrefix = 0x7F;
    private const int LengthPrefix = 0x7F;

    // A longer one cannot be guessed as a whole (RFC 7541 7.1.3); nghttp2 and Firefox draw the line there, too.
    private const int LongCookieBytes = 20;

    /// <summary>An upper bound for one field.</summary>
    public static int MostBytes(int nameLength, int valueLength) =>
        1 + HpackInteger.MostBytes + nameLength + HpackInteger.MostBytes + valueLength;

    /// <summary>Tells the peer that we keep no dynamic table; for the start of the first block.</summary>
    public static int WriteTableSizeZero(Span<byte> target)
    {
        target[0] = SizeUpdate;
        return 1;
    }

    /// <summary>Writes <c>:status</c>; <paramref name="status"/> has three digits.</summary>
    public static int WriteStatus(Span<byte> target, int status)
    {
        ReadOnlySpan<byte> digits = [(byte)('0' + status / 100), (byte)('0' + status / 10 % 10), (byte)('0' + status % 10)];
        return WriteField(target, HpackStaticTable.Status, digits);
    }

    /// <summary>
    /// Writes a field, its name in lower case as HTTP/2 wants it (RFC 9113 8.2) whatever case it comes in. There must be room
    /// for <see cref="MostBytes"/>, or for exactly what is written.
    /// </summary>
    public static int WriteField(Span<byte> target, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        var nameIndex = HpackStaticTable.FindName(name);
        if (nameIndex != 0)
            return WriteField(target, nameIndex, value);
        target[0] = NotIndexed;
        var length = 1 + HpackInteger.Write(target[1..], 0, LengthPrefix, name.Length);
        WriteLowerCase(target[length..], name);
        length += name.Length;
        return length + WriteValue(target[length..], value);
    }

    private static int WriteField(Span<byte> target, int nameIndex, ReadOnlySpan<byte> value)
    {
        var index = HpackStaticTable.FindValue(nameIndex, value);
        if (index != 0)
            return HpackInteger.Write(target, Indexed, IndexPrefix, index);
        var kind = IsSensitive(nameIndex, value) ? NeverIndexed : NotIndexed;
        var length = HpackInteger.Write(target, kind, NamePrefix, nameIndex);
        return length + WriteValue(target[length..], value);
    }

    // Raw: Huffman's code would save bytes and cost time.
    private static int WriteValue(Span<byte> target, ReadOnlySpan<byte> value)
    {
        var length = HpackInteger.Write(target, 0, LengthPrefix, value.Length);
        value.CopyTo(target[length..]);
        return length + value.Length;
    }

    private static void WriteLowerCase(Span<byte> target, ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < name.Length; i++)
            target[i] = char.IsAsciiLetterUpper((char)name[i]) ? (byte)(name[i] | 0x20) : name[i];
    }

    /// <summary>What no proxy behind us may put into a table either (RFC 7541 7.1.3).</summary>
    private static bool IsSensitive(int nameIndex, ReadOnlySpan<byte> value) => nameIndex switch
    {
        HpackStaticTable.Authorization or HpackStaticTable.ProxyAuthorization or HpackStaticTable.SetCookie => true,
        HpackStaticTable.Cookie => value.Length < LongCookieBytes,
        _ => false,
    };
}

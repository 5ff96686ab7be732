using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Field blocks as RFC 7541 writes them. <see cref="Block"/> uses neither table nor Huffman: what a test wants of those
/// it asks for by name. All text is Latin-1.
/// </summary>
public static class Hpack
{
    /// <summary>RFC 7541 Appendix A; the index of the first is 1.</summary>
    public static readonly (string Name, string Value)[] StaticTable =
    [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
        (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
        (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
        ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
        ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
        ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
        ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""),
        ("etag", ""),
        ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
        ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
        ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
        ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
        ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
        ("www-authenticate", ""),
    ];

    /// <summary>Literal fields without indexing: RFC 7541 6.2.2.</summary>
    public static byte[] Block(params IEnumerable<(string Name, string Value)> fields) =>
        [.. fields.SelectMany(field => (byte[])[0x00, .. Text(field.Name), .. Text(field.Value)])];

    /// <summary>A literal field that is never indexed: 6.2.3.</summary>
    public static byte[] NeverIndexed(string name, string value) => [0x10, .. Text(name), .. Text(value)];

    /// <summary>A literal field that enters the dynamic table: 6.2.1.</summary>
    public static byte[] Indexing(string name, string value) => [0x40, .. Text(name), .. Text(value)];

    /// <summary>A literal field with a name of the tables.</summary>
    public static byte[] IndexedName(int index, string value) => [.. Integer(index, 4, 0x00), .. Text(value)];

    /// <summary>A field of the tables: 6.1. The dynamic table begins at 62.</summary>
    public static byte[] Indexed(int index) => Integer(index, 7, 0x80);

    /// <summary>6.3.</summary>
    public static byte[] TableSize(int size) => Integer(size, 5, 0x20);

    /// <summary>A literal field whose name and value are Huffman coded.</summary>
    public static byte[] HuffmanField(string name, string value) => [0x00, .. HuffmanText(name), .. HuffmanText(value)];

    public static byte[] Text(string text) => [.. Integer(text.Length, 7, 0x00), .. Encoding.Latin1.GetBytes(text)];

    public static byte[] HuffmanText(string text)
    {
        var coded = Huffman.Encode(text);
        return [.. Integer(coded.Length, 7, 0x80), .. coded];
    }

    /// <summary>5.1: an integer with a prefix of some bits, below the bits that say what it is.</summary>
    public static byte[] Integer(int value, int prefixBits, byte kind)
    {
        var most = (1 << prefixBits) - 1;
        if (value < most)
            return [(byte)(kind | value)];
        var bytes = new List<byte> { (byte)(kind | most) };
        for (value -= most; value >= 128; value >>= 7)
            bytes.Add((byte)(value | 128));
        return [.. bytes, (byte)value];
    }
}

/// <summary>Reads field blocks; one for all blocks of a connection. What deviates is an exception.</summary>
public sealed class HpackDecoder
{
    private readonly List<(string Name, string Value)> _entries = [];
    private int _size;
    private int _mostSize = 4096;
    private byte[] _block = [];
    private int _at;

    /// <summary>What this side's SETTINGS_HEADER_TABLE_SIZE allows, once it is acknowledged.</summary>
    public int Limit { get; set; } = 4096;

    public Fields Read(byte[] block)
    {
        (_block, _at) = (block, 0);
        var fields = new Fields();
        while (_at < _block.Length)
        {
            var first = _block[_at];
            if (first >= 0x80)
                fields.Add(Entry(Integer(7)));
            else if (first >= 0x40)
                fields.Add(Added(Literal(6)));
            else if (first < 0x20)
                fields.Add(Literal(4));
            else if (fields.Count == 0)
                Resize(Integer(5));
            else
                throw new MalformedMessageException("a table size update behind a field");
        }
        if (_mostSize > Limit)
            throw new MalformedMessageException($"a table of {_mostSize} is still used where {Limit} is the limit");
        return fields;
    }

    private (string Name, string Value) Literal(int prefixBits)
    {
        var index = Integer(prefixBits);
        var name = index == 0 ? Text() : Entry(index).Name;
        return (name, Text());
    }

    private (string Name, string Value) Added((string Name, string Value) field)
    {
        _entries.Insert(0, field);
        _size += Size(field);
        Evict();
        return field;
    }

    private void Resize(int size)
    {
        if (size > Limit)
            throw new MalformedMessageException($"a table size of {size}, beyond {Limit}");
        _mostSize = size;
        Evict();
    }

    private void Evict()
    {
        while (_size > _mostSize)
        {
            _size -= Size(_entries[^1]);
            _entries.RemoveAt(_entries.Count - 1);
        }
    }

    private static int Size((string Name, string Value) field) => field.Name.Length + field.Value.Length + 32;

    private (string Name, string Value) Entry(int index)
    {
        if (index == 0 || index > Hpack.StaticTable.Length + _entries.Count)
            throw new MalformedMessageException($"index {index} in a table of {_entries.Count}");
        return index <= Hpack.StaticTable.Length
            ? Hpack.StaticTable[index - 1]
            : _entries[index - Hpack.StaticTable.Length - 1];
    }

    private string Text()
    {
        var isHuffman = Next(peek: true) >= 0x80;
        var length = Integer(7);
        if (_at + length > _block.Length)
            throw new MalformedMessageException("a string longer than its block");
        var bytes = _block.AsSpan(_at, length);
        _at += length;
        return isHuffman ? Huffman.Decode(bytes) : Encoding.Latin1.GetString(bytes);
    }

    private int Integer(int prefixBits)
    {
        var most = (1 << prefixBits) - 1;
        var value = Next() & most;
        if (value < most)
            return value;
        for (var shift = 0; shift <= 21; shift += 7)
        {
            var part = Next();
            value += (part & 127) << shift;
            if (part < 128)
                return value;
        }
        throw new MalformedMessageException("an integer beyond 28 bits");
    }

    private byte Next(bool peek = false) => _at < _block.Length
        ? _block[peek ? _at : _at++]
        : throw new MalformedMessageException("a block that ends within a field");
}

/// <summary>
/// The code of RFC 7541 Appendix B. It is canonical: shorter codes before longer ones, and those of one length in the
/// order of their symbols. So the lengths say all.
/// </summary>
public static class Huffman
{
    private const int EndOfString = 256;

    private static readonly byte[] Lengths =
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
        28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
        22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
        23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
        28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
        27, 27, 27, 26,
        30,
    ];

    private static readonly uint[] Codes = MakeCodes();

    private static readonly Dictionary<(int Length, uint Code), int> Symbols =
        Enumerable.Range(0, Lengths.Length).ToDictionary(symbol => ((int)Lengths[symbol], Codes[symbol]));

    public static byte[] Encode(string text)
    {
        var bytes = new List<byte>();
        var (bits, count) = (0UL, 0);
        foreach (var symbol in text)
        {
            bits = (bits << Lengths[symbol]) | Codes[symbol];
            for (count += Lengths[symbol]; count >= 8; count -= 8)
                bytes.Add((byte)(bits >> (count - 8)));
        }
        // The rest of the last byte is filled with ones: 5.2.
        if (count > 0)
            bytes.Add((byte)((bits << (8 - count)) | (0xffUL >> count)));
        return [.. bytes];
    }

    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        var (code, length) = (0u, 0);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            code = (code << 1) | ((uint)bytes[bit / 8] >> (7 - (bit % 8)) & 1);
            length++;
            if (!Symbols.TryGetValue((length, code), out var symbol))
                continue;
            if (symbol == EndOfString)
                throw new MalformedMessageException("the end of the string within a Huffman code");
            text.Append((char)symbol);
            (code, length) = (0, 0);
        }
        if (length > 7 || code != (1u << length) - 1)
            throw new MalformedMessageException("a Huffman code with wrong padding");
        return text.ToString();
    }

    private static uint[] MakeCodes()
    {
        var codes = new uint[Lengths.Length];
        var (code, length) = (0u, 0);
        foreach (var symbol in Enumerable.Range(0, Lengths.Length).OrderBy(symbol => Lengths[symbol]))
        {
            code <<= Lengths[symbol] - length;
            length = Lengths[symbol];
            codes[symbol] = code++;
        }
        return codes;
    }
}

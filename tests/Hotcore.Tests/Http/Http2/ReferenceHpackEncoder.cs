namespace Hotcore.Http.Http2;

/// <summary>
/// HPACK's other side, as plainly as can be: the tables are lists. Of all the ways in which RFC 7541 allows to write a field it
/// takes one at random, and it changes the size of its table at random, too.
/// </summary>
internal sealed class ReferenceHpackEncoder(Random random, int mostTableBytes)
{
    private static readonly List<(string Name, string Value)> StaticTable =
    [
        .. Enumerable.Range(1, HpackStaticTable.Count).Select(index =>
        {
            var (line, length) = (Wire.Text(HpackStaticTable.Line(index)), HpackStaticTable.Lengths(index).NameLength);
            return (line[..length], line[(length + 2)..^2]);
        }),
    ];

    private readonly List<(string Name, string Value)> _dynamicTable = [];
    private int _limit = Math.Min(mostTableBytes, 4096);

    private IEnumerable<(string Name, string Value)> Table => StaticTable.Concat(_dynamicTable);

    public byte[] Encode(IEnumerable<(string Name, string Value)> fields)
    {
        var block = new List<byte>();
        for (var updates = random.Next(-5, 3); updates > 0; updates--)
        {
            _limit = random.Next(3) == 0 ? mostTableBytes : random.Next(Math.Min(mostTableBytes, 600) + 1);
            Evict();
            WriteInteger(block, 0x20, 0x1F, _limit);
        }

        foreach (var field in fields)
            Write(block, field);
        return [.. block];
    }

    private void Write(List<byte> block, (string Name, string Value) field)
    {
        var index = Pick(entry => entry == field);
        if (index > 0)
        {
            WriteInteger(block, 0x80, 0x7F, index);
            return;
        }

        var (kind, prefix) = Cases.Pick<(int, int)>(random, (0x40, 0x3F), (0x40, 0x3F), (0x40, 0x3F), (0x10, 0x0F), (0, 0x0F));
        var nameIndex = Pick(entry => entry.Name == field.Name);
        WriteInteger(block, kind, prefix, nameIndex);
        if (nameIndex == 0)
            WriteString(block, field.Name);
        WriteString(block, field.Value);
        if (kind != 0x40)
            return;
        _dynamicTable.Insert(0, field);
        Evict();
    }

    private int Pick(Func<(string Name, string Value), bool> matches)
    {
        var indices = Table.Select((entry, i) => (entry, Index: i + 1)).Where(e => matches(e.entry)).Select(e => e.Index).ToList();
        return indices.Count == 0 || random.Next(8) == 0 ? 0 : Cases.Pick<int>(random, [.. indices]);
    }

    private void Evict()
    {
        while (_dynamicTable.Sum(entry => entry.Name.Length + entry.Value.Length + 32) > _limit)
            _dynamicTable.RemoveAt(_dynamicTable.Count - 1);
    }

    private void WriteString(List<byte> block, string text)
    {
        var bytes = Wire.Bytes(text);
        var isHuffman = random.Next(2) == 0;
        if (isHuffman)
        {
            var code = new byte[HuffmanEncoder.EncodedLength(bytes)];
            HuffmanEncoder.Encode(bytes, code);
            bytes = code;
        }

        WriteInteger(block, isHuffman ? 0x80 : 0, 0x7F, bytes.Length);
        block.AddRange(bytes);
    }

    private static void WriteInteger(List<byte> block, int kind, int prefix, int value)
    {
        var octets = new byte[HpackInteger.MostBytes];
        block.AddRange(octets.AsSpan(0, HpackInteger.Write(octets, kind, prefix, value)));
    }
}

namespace Hotcore.Http.Http2;

/// <summary>
/// Decodes the field blocks of one direction of a connection (RFC 7541), strictly, into lines as HTTP/1 has them. Owns the
/// dynamic table, which may grow to <paramref name="maxTableBytes"/>; allocates nothing until the peer puts something there.
/// </summary>
internal sealed class HpackDecoder(int maxTableBytes)
{
    private const int Indexed = 0x80;
    private const int Inserting = 0x40;
    private const int SizeUpdate = 0x20;
    private const int Huffmanned = 0x80;

    // The lowest size since the last block, then the final one (RFC 7541 4.2).
    private const int MostSizeUpdates = 2;

    private readonly HpackDynamicTable _dynamicTable = new(maxTableBytes);
    private int _sizeUpdatesLeft;

    /// <summary>A new field block begins: until its first field, the table's size may be updated.</summary>
    public void Begin() => _sizeUpdatesLeft = MostSizeUpdates;

    /// <summary>
    /// Decodes the next field of <paramref name="block"/>, from <paramref name="position"/> on, to the start of
    /// <paramref name="target"/>, and moves behind it. Whether name and value may stand in a message is the caller's to judge:
    /// they can hold any octets. After <see cref="HpackStatus.TooLong"/> nothing has moved: the same call with more room goes on.
    /// After <see cref="HpackStatus.Invalid"/> the decoder is of no more use.
    /// </summary>
    public HpackStatus DecodeLine(ReadOnlySpan<byte> block, ref int position, Span<byte> target, out HpackLine line)
    {
        while (position < block.Length)
        {
            var kind = block[position];
            if (kind >= Indexed)
                return CopyLine(block, ref position, target, out line);
            if (kind is < SizeUpdate or >= Inserting)
                return DecodeLiteral(block, ref position, target, out line);
            if (UpdateSize(block, ref position))
                continue;
            line = default;
            return HpackStatus.Invalid;
        }

        line = default;
        return HpackStatus.End;
    }

    /// <summary>A field that is in a table as a whole (RFC 7541 6.1).</summary>
    private HpackStatus CopyLine(ReadOnlySpan<byte> block, ref int position, Span<byte> target, out HpackLine line)
    {
        line = default;
        var next = position;
        if (!HpackInteger.TryRead(block, ref next, prefix: 0x7F, out var index) || !TryFind(index, out line))
            return HpackStatus.Invalid;
        if (line.Length > target.Length)
            return HpackStatus.TooLong;
        Copy(index, target[..line.Length]);
        _sizeUpdatesLeft = 0;
        position = next;
        return HpackStatus.Line;
    }

    /// <summary>
    /// A field whose value is there, and whose name may be in a table (RFC 7541 6.2). That it is never to be indexed concerns
    /// who encodes it again with a table; nothing here does.
    /// </summary>
    private HpackStatus DecodeLiteral(ReadOnlySpan<byte> block, ref int position, Span<byte> target, out HpackLine line)
    {
        line = default;
        if (target.Length < HpackLine.FrameBytes)
            return HpackStatus.TooLong;
        var next = position;
        var isInserted = block[next] >= Inserting;
        var status = DecodeName(block, ref next, isInserted ? 0x3F : 0x0F, target[..^4], out var nameLength);
        if (status != HpackStatus.Line)
            return status;
        ": "u8.CopyTo(target[nameLength..]);
        status = DecodeString(block, ref next, target[(nameLength + 2)..^2], out var valueLength);
        if (status != HpackStatus.Line)
            return status;
        line = new HpackLine(nameLength, valueLength);
        "\r\n"u8.CopyTo(target[(line.Length - 2)..]);
        if (isInserted)
            _dynamicTable.Insert(target[..line.Length], line);
        _sizeUpdatesLeft = 0;
        position = next;
        return HpackStatus.Line;
    }

    private HpackStatus DecodeName(ReadOnlySpan<byte> block, ref int position, int prefix, Span<byte> target, out int length)
    {
        length = 0;
        if (!HpackInteger.TryRead(block, ref position, prefix, out var index))
            return HpackStatus.Invalid;
        if (index == 0)
            return DecodeString(block, ref position, target, out length);
        if (!TryFind(index, out var line))
            return HpackStatus.Invalid;
        length = line.NameLength;
        if (length > target.Length)
            return HpackStatus.TooLong;
        Copy(index, target[..length]);
        return HpackStatus.Line;
    }

    /// <summary>A string, as it is or in Huffman's code (RFC 7541 5.2).</summary>
    private static HpackStatus DecodeString(ReadOnlySpan<byte> block, ref int position, Span<byte> target, out int length)
    {
        length = 0;
        if (position == block.Length)
            return HpackStatus.Invalid;
        var isHuffman = block[position] >= Huffmanned;
        if (!HpackInteger.TryRead(block, ref position, prefix: 0x7F, out var byteCount) || byteCount > block.Length - position)
            return HpackStatus.Invalid;
        var bytes = block.Slice(position, byteCount);
        position += byteCount;
        if (isHuffman)
            length = Huffman.Decode(bytes, target);
        else
            length = bytes.TryCopyTo(target) ? byteCount : Huffman.NoRoom;
        return length >= 0 ? HpackStatus.Line : length == Huffman.NoRoom ? HpackStatus.TooLong : HpackStatus.Invalid;
    }

    /// <summary>RFC 7541 6.3.</summary>
    private bool UpdateSize(ReadOnlySpan<byte> block, ref int position) =>
        _sizeUpdatesLeft-- > 0
        && HpackInteger.TryRead(block, ref position, prefix: 0x1F, out var bytes)
        && _dynamicTable.TrySetLimit(bytes);

    /// <summary>One range of indices for both tables (RFC 7541 2.3.3).</summary>
    private bool TryFind(int index, out HpackLine line)
    {
        if (index > HpackStaticTable.Count)
            return _dynamicTable.TryFind(index - HpackStaticTable.Count - 1, out line);
        line = HpackStaticTable.Lengths(index);
        return index != 0;
    }

    private void Copy(int index, Span<byte> target)
    {
        if (index > HpackStaticTable.Count)
            _dynamicTable.Copy(index - HpackStaticTable.Count - 1, target);
        else
            HpackStaticTable.Line(index)[..target.Length].CopyTo(target);
    }
}

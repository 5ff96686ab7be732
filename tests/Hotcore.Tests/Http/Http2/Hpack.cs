using Xunit;

namespace Hotcore.Http.Http2;

/// <summary>Blocks as the tests write them, and what they decode to.</summary>
internal static class Hpack
{
    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "").Replace("\r", "").Replace("\n", ""));

    /// <summary>
    /// Decodes a whole block, or as far as it goes; and sees to it that the decoder moves on with every line, says truly where
    /// things stand, and leaves alone what lies behind its room.
    /// </summary>
    public static (List<(string Name, string Value)> Fields, HpackStatus Status) Decode(
        HpackDecoder decoder, ReadOnlySpan<byte> block, int room = 10_000)
    {
        var fields = new List<(string, string)>();
        var position = 0;
        var target = new byte[room + 8];
        decoder.Begin();
        while (true)
        {
            var before = position;
            target.AsSpan(room).Fill(0xEE);
            var status = decoder.DecodeLine(block, ref position, target.AsSpan(0, room), out var line);
            Assert.True(target.AsSpan(room).IndexOfAnyExcept((byte)0xEE) < 0);
            Assert.True(position >= before && position <= block.Length);
            if (status != HpackStatus.Line)
                return (fields, status);
            Assert.True(position > before);
            fields.Add(Read(target.AsSpan(0, room), line));
        }
    }

    /// <summary>A block that is whole.</summary>
    public static List<(string Name, string Value)> DecodeAll(HpackDecoder decoder, ReadOnlySpan<byte> block, int room = 10_000)
    {
        var (fields, status) = Decode(decoder, block, room);
        Assert.Equal(HpackStatus.End, status);
        return fields;
    }

    public static string Show(IEnumerable<(string Name, string Value)> fields) =>
        string.Join('\n', fields.Select(field => $"{field.Name}: {field.Value}"));

    /// <summary>What our encoder makes of the fields; a target that is too small for it throws.</summary>
    public static byte[] Encode(IEnumerable<(string Name, string Value)> fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            var target = new byte[HpackEncoder.MostBytes(name.Length, value.Length)];
            var length = HpackEncoder.WriteField(target, Wire.Bytes(name), Wire.Bytes(value));
            block.AddRange(target.AsSpan(0, length));
        }

        return [.. block];
    }

    private static (string Name, string Value) Read(ReadOnlySpan<byte> target, HpackLine line)
    {
        Assert.True(target.Slice(line.NameLength, 2).SequenceEqual(": "u8));
        Assert.True(target.Slice(line.Length - 2, 2).SequenceEqual("\r\n"u8));
        return (Wire.Text(target[..line.NameLength]), Wire.Text(target.Slice(line.NameLength + 2, line.ValueLength)));
    }
}

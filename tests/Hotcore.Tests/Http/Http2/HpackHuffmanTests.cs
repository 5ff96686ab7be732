using System.Text;
using Xunit;

namespace Hotcore.Http.Http2;

public sealed class HpackHuffmanTests
{
    private const string EndOfString = "111111111111111111111111111111";

    /// <summary>From RFC 7541 appendix B: the first and the last symbol of every length, and the end of a string.</summary>
    [Theory]
    [InlineData('0', "00000")]
    [InlineData('t', "01001")]
    [InlineData(' ', "010100")]
    [InlineData('u', "101101")]
    [InlineData(':', "1011100")]
    [InlineData('z', "1111011")]
    [InlineData('&', "11111000")]
    [InlineData('Z', "11111101")]
    [InlineData('!', "1111111000")]
    [InlineData('?', "1111111100")]
    [InlineData('\'', "11111111010")]
    [InlineData('|', "11111111100")]
    [InlineData('#', "111111111010")]
    [InlineData('>', "111111111011")]
    [InlineData(0, "1111111111000")]
    [InlineData('~', "1111111111101")]
    [InlineData('^', "11111111111100")]
    [InlineData('}', "11111111111101")]
    [InlineData('<', "111111111111100")]
    [InlineData('{', "111111111111110")]
    [InlineData('\\', "1111111111111110000")]
    [InlineData(208, "1111111111111110010")]
    [InlineData(128, "11111111111111100110")]
    [InlineData(226, "11111111111111101101")]
    [InlineData(153, "111111111111111011100")]
    [InlineData(230, "111111111111111101000")]
    [InlineData(129, "1111111111111111010010")]
    [InlineData(233, "1111111111111111101011")]
    [InlineData(1, "11111111111111111011000")]
    [InlineData(239, "11111111111111111110100")]
    [InlineData(9, "111111111111111111101010")]
    [InlineData(237, "111111111111111111110101")]
    [InlineData(199, "1111111111111111111101100")]
    [InlineData(235, "1111111111111111111101111")]
    [InlineData(192, "11111111111111111111100000")]
    [InlineData(255, "11111111111111111111101110")]
    [InlineData(203, "111111111111111111111011110")]
    [InlineData(254, "111111111111111111111110000")]
    [InlineData(2, "1111111111111111111111100010")]
    [InlineData(249, "1111111111111111111111111110")]
    [InlineData(10, "111111111111111111111111111100")]
    [InlineData(22, "111111111111111111111111111110")]
    [InlineData(256, EndOfString)]
    public void A_symbol_has_its_code(int symbol, string bits) =>
        Assert.Equal(bits, Code(symbol));

    [Fact]
    public void No_code_begins_another()
    {
        var codes = Enumerable.Range(0, 257).Select(Code).ToList();

        Assert.Equal(257, codes.Distinct().Count());
        Assert.DoesNotContain(codes, code => codes.Any(other => other != code && other.StartsWith(code, StringComparison.Ordinal)));
        Assert.Equal(1, codes.Sum(code => Math.Pow(2, -code.Length)));
    }

    [Fact]
    public void Every_octet_is_decoded_alone_and_at_every_place_in_a_string()
    {
        for (var octet = 0; octet < 256; octet++)
        {
            for (var before = 0; before < 20; before++)
            {
                var text = Wire.Bytes(new string('e', before) + (char)octet + "x");
                Assert.Equal(text, Decode(Encode(text)));
                Assert.Equal(text[..^1], Decode(Encode(text[..^1])));
            }
        }
    }

    [Fact]
    public void Every_string_is_decoded_as_it_was_encoded() => Cases.Check(
        random => random.Next(2) == 0 ? Cases.Noise(random, 200) : Wire.Bytes(Wire.Value(random, 200)),
        text => Assert.Equal(text, Decode(Encode(text))));

    [Fact]
    public void Nothing_is_the_code_of_nothing() => Assert.Equal([], Decode([]));

    /// <summary>Every way to fill up the last octet, and beyond: ones alone, and of these 7 at most, are right.</summary>
    [Fact]
    public void Only_up_to_seven_ones_fill_up_a_string()
    {
        for (var octets = 0; octets < 256; octets++)
        {
            var code = string.Concat(Wire.Bytes(new string('e', octets % 9)).Select(symbol => Code(symbol)));
            var missing = (8 - code.Length % 8) % 8;
            for (var padding = 0; padding < 1 << missing; padding++)
            {
                var bits = missing == 0 ? "" : Convert.ToString(padding, 2).PadLeft(missing, '0');
                AssertDecodesLikeReference(code + bits);
            }

            AssertDecodesLikeReference(code + new string('1', missing) + "11111111");
            AssertDecodesLikeReference(code + new string('1', missing) + "1111111111111111");
            AssertDecodesLikeReference(code + new string('1', missing) + "11111110");
        }
    }

    [Theory]
    [InlineData("ff")]
    [InlineData("ffff")]
    [InlineData("ffffff")]
    [InlineData("ffffffff")]
    [InlineData("ffffffffff")]
    [InlineData("fffffffc")]
    [InlineData("2fffffffff")]
    [InlineData("27ffffffff27")]
    public void The_end_of_a_string_and_parts_of_it_beyond_seven_bits_are_invalid(string hex) =>
        Assert.Equal(Huffman.Invalid, Huffman.Decode(Hpack.Hex(hex), new byte[100]));

    [Fact]
    public void Any_octets_are_decoded_as_a_simple_reference_decodes_them() => Cases.Check(
        random => Cases.Mutate(random, Encode(Cases.Noise(random, 30))),
        code => AssertDecodesLikeReference(string.Concat(code.Select(octet => Convert.ToString(octet, 2).PadLeft(8, '0')))));

    [Fact]
    public void A_target_is_filled_to_its_last_byte_and_not_beyond() => Cases.Check(
        random => (Text: Cases.Noise(random, 60), Room: random.Next(60)),
        given =>
        {
            var target = new byte[given.Room + 8];
            var length = Huffman.Decode(Encode(given.Text), target.AsSpan(0, given.Room));
            Assert.Equal(given.Text.Length <= given.Room ? given.Text.Length : Huffman.NoRoom, length);
            Assert.Equal(-1, target.AsSpan(given.Room).IndexOfAnyExcept((byte)0));
        });

    private static byte[] Encode(byte[] text)
    {
        var target = new byte[HuffmanEncoder.EncodedLength(text)];
        Assert.Equal(target.Length, HuffmanEncoder.Encode(text, target));
        return target;
    }

    private static byte[] Decode(byte[] code)
    {
        var target = new byte[code.Length * 8 / 5];
        var length = Huffman.Decode(code, target);
        Assert.InRange(length, 0, target.Length);
        return target[..length];
    }

    private static string Code(int symbol) =>
        Convert.ToString(HuffmanCode.Code(symbol), 2).PadLeft(HuffmanCode.BitCount(symbol), '0');

    private static readonly Dictionary<string, int> Symbols = Enumerable.Range(0, 257).ToDictionary(Code);

    private static void AssertDecodesLikeReference(string bits)
    {
        var code = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2)).ToArray();
        var target = new byte[code.Length * 8 / 5];
        var length = Huffman.Decode(code, target);
        Assert.Equal(DecodeByReference(bits), length < 0 ? $"{length}" : Wire.Text(target.AsSpan(0, length)));
    }

    /// <summary>Bit by bit.</summary>
    private static string DecodeByReference(string bits)
    {
        var (text, begun) = (new StringBuilder(), "");
        foreach (var bit in bits)
        {
            begun += bit;
            if (!Symbols.TryGetValue(begun, out var symbol))
                continue;
            if (symbol == 256)
                return $"{Huffman.Invalid}";
            text.Append((char)symbol);
            begun = "";
        }

        return begun.Length < 8 && !begun.Contains('0') ? text.ToString() : $"{Huffman.Invalid}";
    }
}

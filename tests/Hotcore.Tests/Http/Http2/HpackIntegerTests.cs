using Xunit;

namespace Hotcore.Http.Http2;

public sealed class HpackIntegerTests
{
    private const int Largest = 0x0FFF_FFFF;

    [Theory]
    [InlineData("0a", 0x1F, 10)] // RFC 7541 C.1.1
    [InlineData("1f9a0a", 0x1F, 1337)] // C.1.2
    [InlineData("2a", 0xFF, 42)] // C.1.3
    [InlineData("1e", 0x1F, 30)]
    [InlineData("1f00", 0x1F, 31)]
    [InlineData("1f7f", 0x1F, 158)]
    [InlineData("1f8001", 0x1F, 159)]
    [InlineData("7fffffff7f", 0x7F, Largest + 0x7F)]
    public void An_integer_is_read_and_written(string hex, int prefix, int value)
    {
        var target = new byte[HpackInteger.MostBytes];

        Assert.Equal((true, value, hex.Length / 2), Read(Hpack.Hex(hex), prefix));
        Assert.Equal(hex, Convert.ToHexStringLower(target, 0, HpackInteger.Write(target, 0, prefix, value)));
    }

    [Fact]
    public void What_shares_the_first_octet_is_left_out_and_put_in()
    {
        var target = new byte[2];

        Assert.Equal(2, HpackInteger.Write(target, 0xE0, 0x1F, 40));
        Assert.Equal("ff09", Convert.ToHexStringLower(target));
        Assert.Equal((true, 40, 2), Read(target, 0x1F));
    }

    [Fact]
    public void Zeros_at_the_end_are_read_as_long_as_they_are_few() =>
        Assert.Equal((true, 31, 5), Read(Hpack.Hex("1f80808000"), 0x1F));

    [Theory]
    [InlineData("1f")]
    [InlineData("1f80")]
    [InlineData("1fffffff")]
    [InlineData("1f8080808000")]
    [InlineData("1fffffffff00")]
    [InlineData("1fffffffff07")]
    [InlineData("1fffffffffffffffffff01")]
    [InlineData("1fffffffffffffffffffffffffffffffff")]
    public void An_integer_that_does_not_end_or_is_too_long_is_invalid(string hex) =>
        Assert.False(Read(Hpack.Hex(hex), 0x1F).IsValid);

    [Fact]
    public void Every_integer_is_read_as_it_was_written() => Cases.Check(
        random => (Value: random.Next() >> random.Next(4, 31), Prefix: (1 << random.Next(4, 9)) - 1),
        integer =>
        {
            var target = new byte[HpackInteger.MostBytes];
            var length = HpackInteger.Write(target, 0, integer.Prefix, integer.Value);
            Assert.Equal((true, integer.Value, length), Read(target, integer.Prefix));
        });

    [Fact]
    public void The_largest_integer_takes_as_many_octets_as_are_kept_for_it() =>
        Assert.Equal(HpackInteger.MostBytes, HpackInteger.Write(new byte[HpackInteger.MostBytes], 0, 0x7F, int.MaxValue));

    private static (bool IsValid, int Value, int Length) Read(byte[] bytes, int prefix)
    {
        var position = 0;
        var isValid = HpackInteger.TryRead(bytes, ref position, prefix, out var value);
        Assert.InRange(position, 1, bytes.Length);
        return (isValid, value, position);
    }
}

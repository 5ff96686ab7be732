using Xunit;

namespace Hotcore.Http.Http1;

public sealed class ContentLengthTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("000", 0)]
    [InlineData("42", 42)]
    [InlineData("00042", 42)]
    [InlineData("9223372036854775799", 9223372036854775799)]
    public void Digits_are_a_length(string text, long expected)
    {
        Assert.True(ContentLength.TryParse(Wire.Bytes(text), out var length));
        Assert.Equal(expected, length);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("+1")]
    [InlineData("-1")]
    [InlineData("1,1")]
    [InlineData("1.0")]
    [InlineData("0x1")]
    [InlineData("1e3")]
    [InlineData("1_000")]
    [InlineData("\xB2")]
    [InlineData("9223372036854775808")]
    [InlineData("18446744073709551617")]
    [InlineData("100000000000000000000000000000000000000001")]
    public void Anything_else_is_none(string text) => Assert.False(ContentLength.TryParse(Wire.Bytes(text), out _));

    [Fact]
    public void What_overflows_is_never_taken_for_a_smaller_length() => Cases.Check(
        random => string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => (char)('0' + random.Next(10)))),
        text =>
        {
            if (ContentLength.TryParse(Wire.Bytes(text), out var length))
                Assert.Equal(System.Numerics.BigInteger.Parse(text), length);
            else
                Assert.True(System.Numerics.BigInteger.Parse(text) > long.MaxValue - 9);
        });
}

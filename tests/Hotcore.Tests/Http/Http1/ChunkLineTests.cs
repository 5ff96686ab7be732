using Xunit;

namespace Hotcore.Http.Http1;

public sealed class ChunkLineTests
{
    [Theory]
    [InlineData("0\r\n", 3, 0)]
    [InlineData("1aF\r\nxyz", 5, 0x1AF)]
    [InlineData("fffffffffffffff\r\n", 17, 0xFFFFFFFFFFFFFFF)]
    [InlineData("5;a\r\n", 5, 5)]
    [InlineData("5;a;b;c\r\n", 9, 5)]
    [InlineData("5;a=b\r\n", 7, 5)]
    [InlineData("5 ;\ta = b ; c\r\n", 15, 5)]
    [InlineData("5;a=\"\"\r\n", 8, 5)]
    [InlineData("5;a=\"\\\"\"\r\n", 10, 5)]
    [InlineData("5;a=\"b;c=\\\\\";d\r\n", 16, 5)]
    public void A_size_is_read_up_to_its_line_end(string text, int length, long size)
    {
        var status = ChunkLine.TryRead(Wire.Bytes(text), 100, isLenient: false, out var lineLength, out var read);

        Assert.Equal((ParseStatus.Complete, length, size), (status, lineLength, read));
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("5\r")]
    [InlineData("5;a=b")]
    public void A_line_without_its_end_needs_more(string text) =>
        Assert.Equal(ParseStatus.NeedMore, ChunkLine.TryRead(Wire.Bytes(text), 100, isLenient: false, out _, out _));

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("5\n")]
    [InlineData("5\r\r\n")]
    [InlineData("5 \r\n")]
    [InlineData("5 5\r\n")]
    [InlineData("5\v;a\r\n")]
    [InlineData("\u00b5\r\n")]
    [InlineData("1000000000000000\r\n")]
    [InlineData("0000000000000005\r\n")]
    [InlineData("5;\r\n")]
    [InlineData("5; \r\n")]
    [InlineData("5;;a\r\n")]
    [InlineData("5;a;\r\n")]
    [InlineData("5;a \r\n")]
    [InlineData("5;=b\r\n")]
    [InlineData("5;a=\r\n")]
    [InlineData("5;a=b \r\n")]
    [InlineData("5;a=b=c\r\n")]
    [InlineData("5;a b\r\n")]
    [InlineData("5;b@d=1\r\n")]
    [InlineData("5;a=b@d\r\n")]
    [InlineData("5;a=\"b\r\n")]
    [InlineData("5;a=\"b\\\"\r\n")]
    [InlineData("5;a=\"b\"c\r\n")]
    [InlineData("5;a=b\"c\"\r\n")]
    [InlineData("5;a=\"\0\"\r\n")]
    public void Anything_else_is_refused(string text) =>
        Assert.Equal(ParseStatus.Invalid, ChunkLine.TryRead(Wire.Bytes(text), 100, isLenient: false, out _, out _));

    [Theory]
    [InlineData("5;aa\r\n", 5, ParseStatus.Complete)]
    [InlineData("5;aaa\r\n", 5, ParseStatus.Invalid)]
    [InlineData("5;aaa", 5, ParseStatus.NeedMore)]
    [InlineData("5;aaaa", 5, ParseStatus.Invalid)]
    internal void A_line_that_is_too_long_is_refused_whether_or_not_its_end_has_come(string text, int most, ParseStatus status) =>
        Assert.Equal(status, ChunkLine.TryRead(Wire.Bytes(text), most, isLenient: false, out _, out _));

    [Theory]
    [InlineData("5 \r\n", 5)]
    [InlineData("5\t \r\n", 5)]
    [InlineData("000000000000000000000000000000000000005\r\n", 5)]
    [InlineData("00000000000000000000000\r\n", 0)]
    [InlineData("0000000fffffffffffffff\r\n", 0xFFFFFFFFFFFFFFF)]
    [InlineData("5;\r\n", 5)]
    [InlineData("5 ;b@d=1\r\n", 5)]
    [InlineData("5;a=\"b\r\n", 5)]
    [InlineData("5;\u0001\r\n", 5)]
    public void An_answers_size_may_be_written_oddly(string text, long size)
    {
        var status = ChunkLine.TryRead(Wire.Bytes(text), 100, isLenient: true, out var lineLength, out var read);

        Assert.Equal((ParseStatus.Complete, text.Length, size), (status, lineLength, read));
    }

    [Theory]
    [InlineData(" 5\r\n")]
    [InlineData("5 5\r\n")]
    [InlineData("5 a\r\n")]
    [InlineData("5,\r\n")]
    [InlineData("0x5\r\n")]
    [InlineData("+5\r\n")]
    [InlineData("5\n")]
    [InlineData("5\r\r\n")]
    [InlineData("5;a=\rb\r\n")]
    [InlineData("5;a=\0b\r\n")]
    [InlineData("01000000000000000\r\n")]
    [InlineData(" \r\n")]
    public void An_answers_size_that_could_be_another_is_refused(string text) =>
        Assert.Equal(ParseStatus.Invalid, ChunkLine.TryRead(Wire.Bytes(text), 100, isLenient: true, out _, out _));
}

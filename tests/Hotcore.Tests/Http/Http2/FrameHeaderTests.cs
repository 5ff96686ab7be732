using Xunit;

namespace Hotcore.Http.Http2;

public sealed class FrameHeaderTests
{
    [Fact]
    public void A_header_is_nine_octets()
    {
        var bytes = new byte[FrameHeader.Bytes];

        new FrameHeader(0x123456, FrameType.Continuation, FrameFlags.EndHeaders | FrameFlags.Padded, 0x7BCDEF01).Write(bytes);

        Assert.Equal("123456090C7BCDEF01", Convert.ToHexString(bytes));
        Assert.Equal(
            new FrameHeader(0x123456, FrameType.Continuation, FrameFlags.EndHeaders | FrameFlags.Padded, 0x7BCDEF01),
            FrameHeader.Read(bytes));
    }

    [Fact]
    public void The_reserved_bit_is_ignored() =>
        Assert.Equal(1, FrameHeader.Read(Convert.FromHexString("000000000080000001")).StreamId);
}

using Xunit;

namespace Hotcore.Http.Http2;

public sealed class PeerSettingsTests
{
    [Theory]
    [InlineData("000400000000", "NoError")]
    [InlineData("00047FFFFFFF", "NoError")]
    [InlineData("000480000000", "FlowControlError")]
    [InlineData("000500004000", "NoError")]
    [InlineData("000500003FFF", "ProtocolError")]
    [InlineData("000500FFFFFF", "NoError")]
    [InlineData("000501000000", "ProtocolError")]
    [InlineData("000200000001", "NoError")]
    [InlineData("000200000002", "ProtocolError")]
    [InlineData("000800000002", "ProtocolError")]
    [InlineData("00FF12345678", "NoError")]
    [InlineData("00040000", "FrameSizeError")]
    [InlineData("", "NoError")]
    public void A_setting_out_of_its_range_is_a_connection_error(string payload, string error) =>
        Assert.Equal(error, new PeerSettings().Apply(Convert.FromHexString(payload), fromServer: false).ToString());

    [Fact]
    public void A_server_cannot_allow_push() => Assert.Equal(
        ErrorCode.ProtocolError, new PeerSettings().Apply(Convert.FromHexString("000200000001"), fromServer: true));

    [Fact]
    public void The_last_of_several_counts()
    {
        var settings = new PeerSettings();

        settings.Apply(Convert.FromHexString("000400000001" + "000400000002" + "000300000007" + "000500005000"), fromServer: false);

        Assert.Equal((2, 7, 0x5000), (settings.InitialWindow, settings.MaxConcurrentStreams, settings.MaxFrameSize));
    }
}

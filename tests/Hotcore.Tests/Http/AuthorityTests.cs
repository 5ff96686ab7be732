using Xunit;

namespace Hotcore.Http;

public sealed class AuthorityTests
{
    [Theory]
    [InlineData("a", "a")]
    [InlineData("A-b_c.D.com", "A-b_c.D.com")]
    [InlineData("a.com.", "a.com")]
    [InlineData("a.com.:80", "a.com")]
    [InlineData("a.com:", "a.com")]
    [InlineData("a.com:0", "a.com")]
    [InlineData("a.com:65535", "a.com")]
    [InlineData("127.0.0.1:80", "127.0.0.1")]
    [InlineData("[::1]", "[::1]")]
    [InlineData("[2001:DB8::1]:443", "[2001:DB8::1]")]
    [InlineData("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]")]
    public void A_host_is_read_with_or_without_a_port(string text, string host)
    {
        Assert.True(Authority.TryParse(Wire.Bytes(text), out var length));
        Assert.Equal(host, text[..length]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData(".:80")]
    [InlineData("a.com..")]
    [InlineData(":80")]
    [InlineData("a b")]
    [InlineData("a,b")]
    [InlineData("a/b")]
    [InlineData("a@b")]
    [InlineData("a%20b")]
    [InlineData("a\\b")]
    [InlineData("\xE4.com")]
    [InlineData("a\0")]
    [InlineData("a:b")]
    [InlineData("a:-1")]
    [InlineData("a:65536")]
    [InlineData("a:000080")]
    [InlineData("a:80:")]
    [InlineData("::1")]
    [InlineData("[]")]
    [InlineData("[::1")]
    [InlineData("[::1]a")]
    [InlineData("[::1].")]
    [InlineData("[[::1]]")]
    [InlineData("[1.2.3.4]")]
    [InlineData("[a.com]")]
    [InlineData("[:::]")]
    [InlineData("[::1/64]")]
    [InlineData("[::1%eth0]")]
    [InlineData("[::1%<b>, c]")]
    [InlineData("[v1.a]")]
    public void Anything_else_is_no_host(string text) => Assert.False(Authority.TryParse(Wire.Bytes(text), out _));

    [Theory]
    [InlineData(254, true)]
    [InlineData(255, false)]
    public void A_host_is_no_longer_than_DNS_allows(int length, bool isAccepted) =>
        Assert.Equal(isAccepted, Authority.TryParse(Wire.Bytes(new string('a', length)), out _));
}

using System.Net;
using Hotcore.Http;
using Xunit;

namespace Hotcore.Proxying;

public sealed class ForwardedFieldsTests
{
    [Theory]
    [InlineData("1.2.3.4", "1.2.3.4", false)]
    [InlineData("::ffff:1.2.3.4", "1.2.3.4", false)]
    [InlineData("2001:db8::1", "2001:db8::1", false)]
    [InlineData("fe80::1%3", "fe80::1", false)]
    [InlineData("127.0.0.1", "127.0.0.1", true)]
    [InlineData("127.9.9.9", "127.9.9.9", true)]
    [InlineData("::ffff:127.0.0.1", "127.0.0.1", true)]
    [InlineData("::1", "::1", true)]
    public void The_app_learns_the_client_s_address(string client, string told, bool isTrusted)
    {
        var forwarded = new ForwardedFields(IPAddress.Parse(client), "https");

        Assert.Equal(isTrusted, forwarded.IsTrusted);
        Assert.Equal(
            $"X-Forwarded-For: {told}\r\nX-Real-IP: {told}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: A.com:81\r\n",
            Write(forwarded, "Host: A.com:81"));
    }

    [Theory]
    [InlineData("X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.com")]
    [InlineData("X-Forwarded-For:")]
    public void What_a_client_on_the_Internet_claims_is_dropped(string claims) => Assert.Equal(
        "X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.com\r\n",
        Write(new ForwardedFields(IPAddress.Parse("1.2.3.4"), "http"), $"Host: a.com\r\n{claims}"));

    [Theory]
    [InlineData("X-Forwarded-For: 6.6.6.6", "6.6.6.6, 127.0.0.1", "127.0.0.1", "http", "a.com")]
    [InlineData("X-Forwarded-For: 6.6.6.6, 7.7.7.7\r\nx-forwarded-for: 8.8.8.8", "6.6.6.6, 7.7.7.7, 8.8.8.8, 127.0.0.1", "127.0.0.1", "http", "a.com")]
    [InlineData("X-Forwarded-For:\r\nX-Forwarded-Proto: https", "127.0.0.1", "127.0.0.1", "https", "a.com")]
    [InlineData("X-Real-IP: 6.6.6.6\r\nX-Forwarded-Host: b.com", "127.0.0.1", "6.6.6.6", "http", "b.com")]
    [InlineData("X_Forwarded_For: 6.6.6.6", "127.0.0.1", "127.0.0.1", "http", "a.com")]
    [InlineData("X-Forwarded-For: 6.6.6.6\r\nConnection: X-Forwarded-For", "127.0.0.1", "127.0.0.1", "http", "a.com")]
    public void What_a_tunnel_on_this_machine_says_is_kept(string claims, string addresses, string real, string scheme, string host) =>
        Assert.Equal(
            $"X-Forwarded-For: {addresses}\r\nX-Real-IP: {real}\r\nX-Forwarded-Proto: {scheme}\r\nX-Forwarded-Host: {host}\r\n",
            Write(new ForwardedFields(IPAddress.Loopback, "http"), $"Host: a.com\r\n{claims}"));

    [Fact]
    public void Forwarded_is_kept_from_a_tunnel_only()
    {
        Assert.True(new ForwardedFields(IPAddress.Parse("1.2.3.4"), "http").Replaces(KnownField.Forwarded));
        Assert.False(new ForwardedFields(IPAddress.Loopback, "http").Replaces(KnownField.Forwarded));
    }

    private static string Write(ForwardedFields forwarded, string lines) =>
        Heads.Written(output => forwarded.Write(output, Heads.Request($"GET / HTTP/1.1\r\n{lines}\r\n\r\n")));
}

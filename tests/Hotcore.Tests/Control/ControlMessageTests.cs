using System.Text;
using Xunit;

namespace Hotcore.Control;

public class ControlMessageTests
{
    [Theory]
    [InlineData("add a.com 8080", "Add a.com 8080")]
    [InlineData("  add \t A.com.\t8080 \r\n", "Add a.com 8080")]
    [InlineData("remove a.com\n", "Remove a.com 0")]
    [InlineData("renew A.com.", "Renew a.com 0")]
    [InlineData("list", "List  0")]
    [InlineData("list after a.com", "List a.com 0")]
    [InlineData("status", "Status  0")]
    [InlineData("status a.com", "StatusOfDomain a.com 0")]
    [InlineData("status domains", "StatusOfDomains  0")]
    [InlineData("status domains after a.com", "StatusOfDomains a.com 0")]
    [InlineData("check", "Check  0")]
    [InlineData("version\r\n", "Version  0")]
    public void Words_separated_by_blanks_make_a_message(string text, string expected)
    {
        Assert.True(
            ControlMessage.TryParse(Encoding.UTF8.GetBytes(text), out var message, out var error), error);
        Assert.Equal(expected, $"{message.Verb} {message.Domain} {message.Port}");
    }

    [Theory]
    [InlineData("", "use one of: add, remove")]
    [InlineData(" \n", "use one of: add, remove")]
    [InlineData("hello", "'hello' is not a message; use one of: add, remove")]
    [InlineData("ADD a.com 80", "use one of: add, remove")]
    [InlineData("add", "use: add <domain> <port>")]
    [InlineData("add a.com", "use: add <domain> <port>")]
    [InlineData("add a.com 80 90", "use: add <domain> <port>")]
    [InlineData("add a.com 0", "use a number from 1 to 65535")]
    [InlineData("add a.com 65536", "use a number from 1 to 65535")]
    [InlineData("add a.com +80", "use a number from 1 to 65535")]
    [InlineData("add a.com 99999999999999999999", "use a number from 1 to 65535")]
    [InlineData("add https://a.com/ 80", "use: a.com")]
    [InlineData("remove", "use: remove <domain>")]
    [InlineData("renew", "use: renew <domain>")]
    [InlineData("renew a.com 80", "use: renew <domain>")]
    [InlineData("renew xn--zz.com", "'xn--zz' stands for no international name")]
    [InlineData("list before a.com", "use: list, or: list after <domain>")]
    [InlineData("status domains after", "use: status, or")]
    [InlineData("check check", "use: check, and nothing after it")]
    [InlineData("check\n\n", "one line")]
    [InlineData("check\nadd a.com 80", "one line")]
    [InlineData("check\u001b[31m", "control characters")]
    public void A_refusal_says_what_would_be_right(string text, string hint)
    {
        Assert.False(ControlMessage.TryParse(Encoding.UTF8.GetBytes(text), out _, out var error));
        Assert.Contains(hint, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_of_1024_bytes_is_read_and_a_longer_one_refused()
    {
        var longest = Encoding.ASCII.GetBytes("check".PadRight(ControlMessage.MaxRequestBytes));
        Assert.True(ControlMessage.TryParse(longest, out _, out _));
        Assert.False(ControlMessage.TryParse([.. longest, (byte)' '], out _, out var error));
        Assert.Contains("1024", error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_UTF8_is_refused()
    {
        Assert.False(ControlMessage.TryParse([.. "add a.com 80"u8, 0xC3], out _, out var error));
        Assert.Contains("UTF-8", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_mutated_message_is_a_valid_one_or_refused_in_a_short_line() =>
        Cases.Check(random => Cases.Mutate(random, Encoding.UTF8.GetBytes(PickMessage(random))), CheckDatagram);

    [Fact]
    public void Any_noise_is_refused_in_a_short_line() =>
        Cases.Check(random => Cases.Noise(random, 1100), CheckDatagram);

    internal static string PickMessage(Random random) => Cases.Pick(
        random, "add a.com 8080", "remove bücher.de", "renew a.com", "list after a.com", "status domains after a.com\r\n",
        "status", "check", "version\n");

    private static void CheckDatagram(byte[] datagram)
    {
        if (!ControlMessage.TryParse(datagram, out var message, out var error))
        {
            Assert.InRange(error.Length, 1, 500);
            Assert.DoesNotContain(error, char.IsControl);
            return;
        }
        Assert.InRange(datagram.Length, 1, ControlMessage.MaxRequestBytes);
        Assert.Equal(message.Verb == ControlVerb.Add, message.Port is >= 1 and <= 65535);
        if (message.Verb is ControlVerb.Add or ControlVerb.Remove or ControlVerb.StatusOfDomain)
            Assert.NotNull(message.Domain);
    }
}

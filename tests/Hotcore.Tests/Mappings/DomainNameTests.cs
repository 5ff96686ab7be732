using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Hotcore.Mappings;

public class DomainNameTests
{
    [Theory]
    [InlineData("a.com", "a.com")]
    [InlineData("A-App.COM", "a-app.com")]
    [InlineData("a.com.", "a.com")]
    [InlineData("localhost", "localhost")]
    [InlineData("1.a1", "1.a1")]
    [InlineData("bücher.de", "xn--bcher-kva.de")]
    [InlineData("BÜCHER.de", "xn--bcher-kva.de")]
    [InlineData("日本。jp", "xn--wgv71a.jp")]
    [InlineData("xn--bcher-kva.de", "xn--bcher-kva.de")]
    [InlineData("XN--BCHER-KVA.de", "xn--bcher-kva.de")]
    [InlineData("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai")]
    [InlineData("xn--ls8h.la", "xn--ls8h.la")]
    [InlineData("my_app.localhost", "my_app.localhost")]
    [InlineData("My_App_1.a.com", "my_app_1.a.com")]
    [InlineData("_my_app_.localhost", "_my_app_.localhost")]
    public void A_name_is_normalized(string typed, string expected)
    {
        Assert.True(DomainName.TryParse(typed, out var domain, out var error), error);
        Assert.Equal(expected, domain.ToString());
    }

    [Theory]
    [InlineData("https://a.com/", "use: a.com")]
    [InlineData("http://A.com:8080/x?y#z", "use: a.com")]
    [InlineData("https://bücher.de", "use: xn--bcher-kva.de")]
    [InlineData("a.com/path", "use: a.com")]
    [InlineData("a.com:443", "use: a.com")]
    [InlineData("me@a.com", "use: a.com")]
    [InlineData("http://", "use a name such as a.com")]
    [InlineData("http://127.0.0.1/", "use a name such as a.com")]
    [InlineData("127.0.0.1", "IP address")]
    [InlineData("::1", "IP address")]
    [InlineData("[::1]", "IP address")]
    [InlineData("1.2.3.400", "IP address")]
    [InlineData("a.0x7f", "IP address")]
    [InlineData("*.a.com", "wildcard")]
    [InlineData("a_b:80", "use: a_b")]
    [InlineData("xn--.com", "hyphen")]
    [InlineData("xn--a.com", "'xn--a' stands for no international name")]
    [InlineData("xn--bcher-2pa.de", "stands for no international name")]
    [InlineData("xn--abc.com", "stands for no international name")]
    [InlineData("xn--zz.com", "'xn--zz' stands for no international name")]
    [InlineData("a.xn--99999999999.com", "stands for no international name")]
    [InlineData("xn--bcher-kv_.de", "stands for no international name")]
    [InlineData("", "for example: a.com")]
    [InlineData(".", "empty")]
    [InlineData("a..com", "dots")]
    [InlineData(".a.com", "dots")]
    [InlineData("a.com..", "dots")]
    [InlineData("-a.com", "hyphen")]
    [InlineData("a-.com", "hyphen")]
    [InlineData("a!.com", "'!'")]
    [InlineData("a\u0001.com", "U+0001")]
    [InlineData("a\u202eb.com", "U+202E")]
    [InlineData("ａ.com", "U+FF41")]
    [InlineData("🙂.com", "U+1F642")]
    public void What_is_not_a_domain_is_refused_with_what_to_type_instead(string typed, string hint)
    {
        Assert.False(DomainName.TryParse(typed, out var domain, out var error));
        Assert.Contains(hint, error, StringComparison.Ordinal);
        Assert.Equal("", domain.ToString());
    }

    [Fact]
    public void Labels_have_63_characters_and_names_253_at_most()
    {
        string label = new('a', 63);
        var longest = $"{label}.{label}.{label}.{new string('b', 61)}";
        Assert.True(DomainName.TryParse(longest, out _, out _));
        Assert.True(DomainName.TryParse(longest + ".", out _, out _));
        Assert.False(DomainName.TryParse(longest + "b", out _, out _));
        Assert.False(DomainName.TryParse(new string('a', 64) + ".com", out _, out _));
        Assert.False(DomainName.TryParse(new string('ü', 100) + ".com", out _, out _));
        Assert.False(DomainName.TryParse(new string('a', 1_000_000), out _, out var error));
        Assert.InRange(error.Length, 1, 300);
    }

    [Fact]
    public void Any_text_is_either_refused_with_a_reason_or_normalized_once_and_for_all()
    {
        var config = Config.QuickThrowOnFailure.WithMaxTest(Cases.Many).WithQuietOnSuccess(true);
        Prop.ForAll<string?>(text => CheckText(text ?? "")).Check(config);
    }

    [Fact]
    public void Mutated_names_are_either_refused_with_a_reason_or_normalized_once_and_for_all() =>
        Cases.Check(GenerateName, CheckText);

    private static string GenerateName(Random random)
    {
        var name = Cases.Pick(
            random, "https://a.com/", "bücher.de", "xn--bcher-kva.de", "my_app.com", "a-app.example.com", "日本。jp", "1.2.3.4");
        return Encoding.UTF8.GetString(Cases.Mutate(random, Encoding.UTF8.GetBytes(name)));
    }

    private static void CheckText(string text)
    {
        if (!DomainName.TryParse(text, out var domain, out var error))
        {
            Assert.InRange(error.Length, 1, 500);
            return;
        }
        var name = domain.ToString();
        Assert.InRange(name.Length, 1, DomainName.MaxLength);
        Assert.All(
            name, character => Assert.Contains(character, "abcdefghijklmnopqrstuvwxyz0123456789-_."));
        Assert.True(DomainName.TryParse(name.ToUpperInvariant() + ".", out var again, out _));
        Assert.Equal(domain, again);
    }
}

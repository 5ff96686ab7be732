using Xunit;

namespace Hotcore.Installing;

public sealed class ReleaseVersionTests
{
    [Fact]
    public void Versions_are_ordered_as_semver_has_it()
    {
        string[] ascending =
        [
            "0.0.9", "0.1.0-alpha", "0.1.0-alpha.1", "0.1.0-alpha.beta", "0.1.0-beta", "0.1.0-beta.2", "0.1.0-beta.11", "0.1.0-rc.1",
            "0.1.0", "0.1.1", "0.2.0", "0.10.0", "1.0.0",
        ];
        for (var i = 0; i < ascending.Length; i++)
        {
            for (var j = 0; j < ascending.Length; j++)
                Assert.Equal(Math.Sign(i - j), Math.Sign(Parse(ascending[i]).CompareTo(Parse(ascending[j]))));
        }
        Assert.Equal(0, Parse("1.2.3+build.5").CompareTo(Parse(" 1.2.3\n")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1.2")]
    [InlineData("1.2.3.4")]
    [InlineData("1.-2.3")]
    [InlineData("a.b.c")]
    [InlineData("1.2.3-")]
    [InlineData("1.2.3-a..b")]
    [InlineData("99999999999.0.0")]
    public void What_is_no_version_is_none(string? text) => Assert.False(ReleaseVersion.TryParse(text, out _));

    private static ReleaseVersion Parse(string text)
    {
        Assert.True(ReleaseVersion.TryParse(text, out var version), text);
        return version;
    }
}

using Xunit;

namespace Hotcore.Http;

public sealed class ListValueTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData(",, ,\t,", "")]
    [InlineData("a", "a")]
    [InlineData(" a , b\t,c", "a|b|c")]
    [InlineData(",a,,b c,", "a|b c")]
    public void Elements_are_trimmed_and_empty_ones_skipped(string value, string expected) =>
        Assert.Equal(expected, string.Join('|', Elements(value)));

    [Fact]
    public void The_elements_are_what_splitting_gives() => Cases.Check(
        random => string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => Cases.Pick(random, ',', ' ', '\t', 'a', 'B'))),
        value => Assert.Equal(value.Split(',').Select(e => e.Trim(' ', '\t')).Where(e => e.Length > 0), Elements(value)));

    [Theory]
    [InlineData("keep-alive, Upgrade", "upgrade", true)]
    [InlineData("upgrades, up, grade", "upgrade", false)]
    [InlineData("", "", false)]
    public void A_token_is_an_element_or_it_is_not_there(string value, string token, bool isThere) =>
        Assert.Equal(isThere, ListValue.Contains(Wire.Bytes(value), Wire.Bytes(token)));

    private static List<string> Elements(string value)
    {
        var elements = new List<string>();
        foreach (var element in new ListValue(Wire.Bytes(value)))
            elements.Add(Wire.Text(element));
        return elements;
    }
}

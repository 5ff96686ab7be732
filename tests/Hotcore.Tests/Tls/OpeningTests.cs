using Hotcore.Http;
using Xunit;

namespace Hotcore.Tls;

public sealed class OpeningTests
{
    [Theory]
    [InlineData("GET /", true)]
    [InlineData("OPTIONS * HTTP/1.1", true)]
    [InlineData("M-SEARCH *", true)]
    [InlineData("\u0016\u0003\u0001\u0002\u0000", false)]
    [InlineData("\u0015\u0003\u0001\u0000\u0002", false)]
    [InlineData("get /", false)]
    [InlineData("G", true)]
    [InlineData("", false)]
    public void HTTP_begins_with_a_capital(string text, bool isHttp)
    {
        var opening = new Opening();
        foreach (var one in Wire.Bytes(text))
            opening.Note([one]);

        Assert.Equal(isHttp, opening.IsHttp);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(100)]
    public void What_was_kept_comes_back_once_and_in_its_order(int piece)
    {
        var opening = new Opening();
        opening.Note(Wire.Bytes("DEL"));
        opening.Note(Wire.Bytes("ETE / HTTP/1.1"));
        var (given, buffer) = ("", new byte[piece]);

        for (int taken; (taken = opening.TakeTo(buffer)) > 0;)
            given += Wire.Text(buffer.AsSpan(0, taken));

        Assert.Equal("DELETE / HTTP/1.1", given);
    }
}

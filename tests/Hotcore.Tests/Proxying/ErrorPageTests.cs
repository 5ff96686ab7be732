using System.Text;
using Hotcore.Http;
using Hotcore.Mappings;
using Hotcore.Proxying.Http1;
using Xunit;

namespace Hotcore.Proxying;

public sealed class ErrorPageTests
{
    [Fact]
    public void A_page_is_one_line_of_text_for_programs() => Assert.Equal(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 53\r\nCache-Control: no-store\r\n"
        + "Connection: close\r\n\r\n404 Unknown domain: Nothing is served at a.com here.\n",
        Write(ErrorPage.UnknownDomain("a.com"), asHtml: false));

    [Fact]
    public void A_page_is_HTML_for_browsers_and_says_what_is_mapped_where()
    {
        Assert.True(DomainName.TryParse("a.com", out var domain, out _));
        var page = Write(ErrorPage.NothingAnswers(new Mapping(domain, 8080, DateTimeOffset.UnixEpoch)), asHtml: true);

        Assert.StartsWith("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html; charset=utf-8\r\n", page);
        Assert.Contains("a.com is mapped to port 8080, and nothing answers there.", page);
    }

    [Fact]
    public void Nothing_that_is_told_becomes_markup()
    {
        var page = Write(new ErrorPage(400, "<i>", "<script>alert(\"&'\")</script>"), asHtml: true);

        Assert.DoesNotContain("<script", page);
        Assert.DoesNotContain("<i>", page);
        Assert.Contains("&lt;script&gt;alert(&quot;&amp;", page);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_length_is_that_of_the_body(bool asHtml)
    {
        var parts = Write(new ErrorPage(404, "Ümläut", "größer"), asHtml).Split("\r\n\r\n", 2);

        Assert.Contains($"\r\nContent-Length: {parts[1].Length}\r\n", parts[0]);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(405)]
    [InlineData(414)]
    [InlineData(431)]
    [InlineData(505)]
    public void Every_refusal_of_the_parser_has_a_page(int status)
    {
        var page = Write(ErrorPage.Refused(new Refusal(status, "so it is")), asHtml: false);

        Assert.StartsWith($"HTTP/1.1 {status} ", page);
        Assert.EndsWith("Refused: so it is.\n", page);
        Assert.Equal(status == 405, page.Contains("\r\nAllow: GET, "));
    }

    private static string Write(ErrorPage page, bool asHtml)
    {
        var answer = page.ToAnswer(asHtml);
        var response = new ResponseHead();
        answer.Fill(response, answersHead: false);
        return Heads.Written(output => HeadWriter.WriteResponse(output, response, response.Framing, "Connection: close\r\n"u8, date: default))
            + Encoding.Latin1.GetString(answer.Body);
    }
}

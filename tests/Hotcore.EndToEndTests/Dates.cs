using System.Globalization;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9110 6.6.1: every final answer says when it was made, by its app's clock or by hotcore's.</summary>
public class Dates(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Form = "ddd, dd MMM yyyy HH:mm:ss 'GMT'";

    [Fact]
    public async Task An_answer_without_a_date_gets_one()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("hello"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        ExpectNow((await Hotcore.Get(domain)).Fields["Date"]);
        ExpectNow((await client.Get(domain)).Head!["date"]);
    }

    [Fact]
    public async Task An_answer_keeps_the_date_it_has()
    {
        const string Then = "Sun, 06 Nov 1994 08:49:37 GMT";
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("hello", $"Date: {Then}\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        Assert.Equal(Then, (await Hotcore.Get(domain)).Fields["Date"]);
        Assert.Equal(Then, (await client.Get(domain)).Head!["date"]);
    }

    [Theory]
    [InlineData("nobody.example.com", "GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n", 404)]
    [InlineData("", "GET / HTTP/1.1\r\n\r\n", 400)]
    public async Task What_hotcore_answers_by_itself_is_dated_too(string authority, string request, int status)
    {
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(request);

        Assert.Equal(status, response.Status);
        ExpectNow(response.Fields["Date"]);
        if (authority.Length == 0)
            return;
        await using var http2 = await Http2Client.Connect(Hotcore.Http);
        ExpectNow((await http2.Get(authority)).Head!["date"]);
    }

    [Fact]
    public async Task An_interim_answer_and_an_upgrade_pass_without()
    {
        await using var upstream = TestUpstream.Answering(request => request.Target == "/hints"
            ? "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + Answers.Ok("hello")
            : Answers.SwitchingProtocols);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.False((await client.Get(domain, "/hints")).Fields.Has("Date"));
        ExpectNow((await client.Read()).Fields["Date"]);
        var response = await client.Get(domain, "/tunnel", "Connection: Upgrade\r\nUpgrade: bytes\r\n");
        Assert.Equal((101, false), (response.Status, response.Fields.Has("Date")));
    }

    private static void ExpectNow(string? date)
    {
        var time = DateTime.ParseExact(
            date!, Form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        Assert.InRange(time, DateTime.UtcNow.AddMinutes(-1), DateTime.UtcNow.AddSeconds(1));
    }
}

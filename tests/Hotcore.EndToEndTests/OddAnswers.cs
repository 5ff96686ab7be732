namespace Hotcore.EndToEndTests;

/// <summary>Answers that are odd and mean one thing: the client gets that one thing, and nothing odd.</summary>
public class OddAnswers(SharedHotcore shared) : HotcoreTest(shared)
{
    private static readonly Dictionary<string, (string Answer, string Name, string? Value)> Answers = new()
    {
        ["a blank before a colon"] = (Answer("X-Field : a\r\nContent-Length: 5", "hello"), "X-Field", "a"),
        ["blanks and tabs before a colon"] = (Answer("X-Field \t : a\r\nContent-Length: 5", "hello"), "X-Field", "a"),
        ["a blank before the colon of a length"] = (Answer("X-Field: a\r\nContent-Length : 5", "hello"), "Content-Length", "5"),
        ["a blank before the colon of a framing"] = (Answer("Transfer-Encoding : chunked", Chunks), "X-Field", null),
        ["two lengths, the same"] =
            (Answer("Content-Length: 5\r\nX-Field: a\r\nContent-Length: 5", "hello"), "Content-Length", "5"),
        ["two lengths in one line, the same"] =
            (Answer("Content-Length: 5, 5\r\nX-Field: a", "hello"), "Content-Length", "5"),
        ["Content-Length and Transfer-Encoding"] =
            (Answer("Content-Length: 2\r\nTransfer-Encoding: chunked", Chunks), "Content-Length", null),
        ["Transfer-Encoding and Content-Length"] =
            (Answer("Transfer-Encoding: chunked\r\nContent-Length: 2", Chunks), "Content-Length", null),
        ["blanks behind the sizes of chunks"] =
            (Answer("Transfer-Encoding: chunked", "5  \r\nhello\r\n0 \r\n\r\n"), "X-Field", null),
        ["zeros in front of the sizes of chunks"] =
            (Answer("Transfer-Encoding: chunked", $"{new string('0', 1000)}5\r\nhello\r\n{new string('0', 1000)}\r\n\r\n"), "X-Field", null),
        ["extensions that are none"] =
            (Answer("Transfer-Encoding: chunked", "5;\r\nhello\r\n0;b@d=\r\n\r\n"), "X-Field", null),
    };

    private const string LateBody = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";

    private const string Chunks = "5\r\nhello\r\n0\r\n\r\n";

    public static TheoryData<string> Names => [.. Answers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_means_one_thing_is_passed_as_that(string name)
    {
        var (answer, field, value) = Answers[name];
        await using var upstream = TestUpstream.Answering(_ => answer);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var http1 = await Hotcore.Connect();
        await using var http2 = await Http2Client.Connect(Hotcore.Http);

        // More than once over one connection: nothing of an answer is left for the next.
        for (var i = 0; i < 2; i++)
        {
            var response = await http1.Get(domain);
            var stream = await http2.Get(domain);

            Assert.Equal((200, "hello", value), (response.Status, response.Text, response.Fields[field]));
            Assert.Equal((200, "hello", value), (stream.Status, stream.Text, stream.Head![field.ToLowerInvariant()]));
        }
    }

    [Fact]
    public async Task Who_frames_a_body_twice_is_asked_over_another_connection_next()
    {
        await using var upstream = TestUpstream.Answering(
            _ => Answer("Content-Length: 5\r\nTransfer-Encoding: chunked", Chunks));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        for (var i = 0; i < 3; i++)
            Assert.Equal("hello", (await Hotcore.Get(domain)).Text);

        Assert.Equal(3, upstream.Connections.Count);
    }

    [Theory]
    [InlineData("204 No Content", "Content-Length: 41", LateBody)]
    [InlineData("204 No Content", "Content-Length: 0, 0", "")]
    [InlineData("204 No Content", "Transfer-Encoding: chunked", "0\r\n\r\n")]
    [InlineData("204 No Content", "Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n")]
    [InlineData("103 Early Hints", "Content-Length: 41", "")]
    [InlineData("103 Early Hints", "Transfer-Encoding: chunked", "")]
    public async Task A_body_announced_where_none_can_be_is_not_the_next_answer(string status, string field, string body)
    {
        var odd = $"HTTP/1.1 {status}\r\n{field}\r\n\r\n";
        var last = status.StartsWith('1') ? "HTTP/1.1 204 No Content\r\n\r\n" : "";
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            for (var late = ""; await connection.ReadRequest() is not null; late = body)
                await connection.Send(late + odd + last);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 3; i++)
        {
            await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
            Assert.Equal(204, (await client.ReadFinal()).Status);
        }

        Assert.Equal(field == "Content-Length: 0, 0" ? 1 : 3, upstream.Connections.Count);
    }

    [Theory]
    [InlineData(600)]
    [InlineData(799)]
    [InlineData(999)]
    public async Task A_status_beyond_599_passes(int status)
    {
        await using var upstream = TestUpstream.Answering(_ => $"HTTP/1.1 {status} Odd\r\nContent-Length: 5\r\n\r\nhello");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var response = await Hotcore.Get(domain);
        var stream = await client.Get(domain);
        var curl = await Curl.Over(ClientKind.Http2OverTls, Hotcore, domain, "/", "--write-out", " %{http_code}");

        Assert.Equal((status, "hello"), (response.Status, response.Text));
        Assert.Equal((status, "hello"), (stream.Status, stream.Text));
        Assert.Equal($"hello {status}", curl.Output.Trim());
    }

    [Fact]
    public async Task Control_characters_pass_as_they_are_over_HTTP_1_1_and_as_blanks_over_HTTP_2()
    {
        const string Odd = "X-Odd: \u0002a\u0001b\u007f\u001b[0m\u0003 \r\n";
        await using var upstream = TestUpstream.Answering(
            _ => $"HTTP/1.1 200 O\u0001K\r\n{Odd}Content-Length: 5\r\n\r\nhello");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await using var http2 = await Http2Client.Connect(Hotcore.Http);

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
        var received = await client.Reader.ReadToEnd();

        Assert.StartsWith("HTTP/1.1 200 O\u0001K\r\n", received);
        Assert.Contains(Odd, received);
        Assert.EndsWith("\r\n\r\nhello", received);
        Assert.Equal("a b  [0m", (await http2.Get(domain)).Head!["x-odd"]);
        Assert.Equal("hello", (await Curl.Over(ClientKind.Http2OverTls, Hotcore, domain, "/")).Output.Trim());
    }

    [Fact]
    public async Task Chromium_takes_them_over_HTTP_2()
    {
        const string Page =
            "<!doctype html><script>const asked = new XMLHttpRequest(); asked.open('GET', '/odd', false); asked.send();"
            + "document.write(`<p>${asked.status} ${asked.responseText} ${asked.getResponseHeader('X-Blank')}</p>`)</script>";
        await using var upstream = TestUpstream.Answering(request => request.Target == "/odd"
            ? "HTTP/1.1 799 O\u0001K\r\nX-Odd: a\u0001b\u007f\r\nX-Blank : c\r\nContent-Length: 5, 5\r\n\r\nhello"
            : $"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {Page.Length}\r\n\r\n{Page}");
        await Hotcore.Add("odd.localhost", upstream.Port);
        using var browser = await Browser.Start();
        await browser.Trust(Hotcore.LocalCaFile);

        var shown = await browser.Show($"https://odd.localhost:{Hotcore.Https.Port}/");

        Assert.Contains("<p>799 hello c</p>", shown.Output);
        Assert.Contains("HTTP2_SESSION", browser.NetworkLog);
    }

    [Fact]
    public async Task A_thousand_fields_pass_again_and_again()
    {
        var fields = string.Concat(Enumerable.Range(0, 999).Select(number => $"Set-Cookie: c{number}={number}\r\n"));
        await using var upstream = TestUpstream.Answering(_ => Answer(fields + "Content-Length: 5", "hello"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var i = 0; i < 3; i++)
        {
            string[] expected = [.. Enumerable.Range(0, 999).Select(number => $"c{number}={number}")];
            Assert.Equal(expected, (await Hotcore.Get(domain)).Fields.Values("Set-Cookie"));
            Assert.Equal(expected, (await client.Get(domain)).Head!.Values("set-cookie"));
        }
    }

    [Fact]
    public async Task A_blank_before_the_colon_of_a_trailer_is_removed()
    {
        await using var upstream = TestUpstream.Answering(
            _ => Answer("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nX-Sum : a\r\n\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        Assert.Equal("a", (await Hotcore.Get(domain)).Trailers["X-Sum"]);
        Assert.Equal("a", (await client.Get(domain)).Trailers["x-sum"]);
    }

    [Fact]
    public async Task An_odd_answer_of_an_HTTP_2_app_passes()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Get(domain, "/odd", ("content-type", "application/grpc"));

        Assert.Equal((799, "ok", "2"), (stream.Status, stream.Text, stream.Head!["content-length"]));
        Assert.Equal("a b", stream.Head["x-0"]);
        Assert.Equal(900, stream.Head.Count(field => field.Name.StartsWith("x-")));
    }

    private static string Answer(string fields, string body) => $"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}";
}

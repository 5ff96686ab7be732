using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests;

/// <summary>Behind hotcore an app on Python's h2, which does and tells what other HTTP/2 servers keep to themselves.</summary>
public class Http2Apps(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task Early_hints_of_an_HTTP_2_app_reach_curl(ClientKind kind)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);

        var finished = await Curl.Over(
            kind, Hotcore, domain, "/hints", "--include", "--data", "", "-H", "Content-Type: application/grpc");

        Assert.Matches(
            @"^HTTP/[12.]+ 103[^\n]*\n(.*\n)*?link: </style.css>; rel=preload\n(.*\n)*?HTTP/[12.]+ 200",
            finished.Output.Replace("Link:", "link:"));
    }

    [Fact]
    public async Task Trailers_of_an_HTTP_1_1_request_reach_an_HTTP_2_upstream()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST /page HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\n"
            + "Connection: keep-alive, X-Of-The-Hop\r\nX-Of-The-Hop: 1\r\nCookie: a=1; b=2\r\n"
            + "\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n");

        Assert.Equal(200, response.Status);
        var lines = response.Text.Split('\n');
        Assert.Contains(":method: POST", lines);
        Assert.Contains(":scheme: http", lines);
        Assert.Contains(":path: /page", lines);
        Assert.Contains($":authority: {domain}", lines);
        Assert.Contains("content-type: application/grpc+proto", lines);
        Assert.Contains("trailer x-sum: 42", lines);
        Assert.DoesNotContain(lines, line => Regex.IsMatch(line, "^(host|connection|transfer-encoding|keep-alive|x-of-the-hop):"));
    }

    [Theory]
    [InlineData("GET", 204)]
    [InlineData("GET", 304)]
    [InlineData("HEAD", 200)]
    public async Task Content_that_an_answer_may_not_have_reaches_no_HTTP_1_1_client(string method, int status)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        await client.Send(
            $"{method} /body/{status} HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\n\r\n"
            + $"GET /next HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\nConnection: close\r\n\r\n");
        var received = await Wait.For(client.Reader.ReadToEnd(), "the end of the connection");

        Assert.Contains($" {status} ", received);
        Assert.DoesNotContain("forged", received);
    }

    [Fact]
    public async Task Content_before_a_head_is_no_answer()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"GET /early HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\n\r\n");

        Assert.Equal(502, response.Status);
    }

    [Fact]
    public async Task Clients_that_do_not_read_hold_up_no_other_on_the_same_upstream_connection()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        var idlers = new List<Http2Client>();
        for (var i = 0; i < 10; i++)
        {
            var idler = await Http2Client.Connect(
                Hotcore.Http, new Http2Options { Settings = [(Http2Setting.InitialWindowSize, 0)], GrantsWindows = false });
            idlers.Add(idler);
            await idler.Request(domain, "/much", fields: [("content-type", "application/grpc")]);
            await idler.Request(domain, "/much", fields: [("content-type", "application/grpc")]);
        }
        for (var full = 0; full < 20; full++)
            Assert.StartsWith("full ", await app.ReadLine());

        await using var client = await Http2Client.Connect(Hotcore.Http);
        for (var i = 0; i < 10; i++)
            Assert.Equal(200, (await client.Get(domain, "/page", ("content-type", "application/grpc"))).Status);

        foreach (var idler in idlers)
            await idler.DisposeAsync();
    }

    [Fact]
    public async Task A_clients_reset_reaches_an_HTTP_2_upstream_with_its_error_code()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = ScriptedClient.For(Hotcore, ClientKind.Http2, domain, "application/grpc");
        await using var asked = await client.Begin("/wait", []);
        Assert.Equal("begun /wait", await app.ReadLine());

        asked.Reset();

        // 8 is CANCEL.
        Assert.Equal("reset /wait 8", await app.ReadLine());
    }

    [Fact]
    public async Task A_reset_of_an_HTTP_2_upstream_before_any_answer_is_no_answer()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST /reset/2 HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal(502, response.Status);
        Assert.Contains(domain, response.Text);
    }

    /// <summary>Refused, or left out of a GOAWAY: the app did nothing with it (RFC 9113 8.7), so even a POST does no harm twice.</summary>
    [Theory]
    [InlineData("/refuse")]
    [InlineData("/refuse-and-end")]
    [InlineData("/leave")]
    [InlineData("/leave-and-end")]
    public async Task A_request_without_a_body_that_an_HTTP_2_upstream_did_not_take_is_sent_again(string path)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST {path} HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal($"refused {path}", await app.ReadLine());
        Assert.Equal(200, response.Status);
    }

    [Theory]
    [InlineData("/refuse")]
    [InlineData("/refuse-and-end")]
    [InlineData("/leave")]
    [InlineData("/leave-and-end")]
    public async Task A_body_that_an_HTTP_2_upstream_did_not_take_is_its_clients_to_send_again(string path)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var refused = await client.Request(domain, path, "POST", [("content-type", "application/grpc")], endStream: false);
        Assert.Equal($"refused {path}", await app.ReadLine());
        await client.Until(() => refused.IsOver, "the end of the stream");
        var again = await client.Request(domain, path, "POST", [("content-type", "application/grpc")], endStream: false);
        await client.SendBody(again, "hello"u8.ToArray());
        await client.ReadAnswer(again);

        Assert.Equal(Http2Error.RefusedStream, refused.Reset);
        Assert.Equal(200, again.Status);
    }

    [Theory]
    [InlineData("/refuse")]
    [InlineData("/refuse-and-end")]
    [InlineData("/leave")]
    [InlineData("/leave-and-end")]
    public async Task A_body_that_an_HTTP_2_upstream_did_not_take_is_no_answer_over_HTTP_1_1(string path)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST {path} HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\nhello");

        Assert.Equal(502, response.Status);
    }
}

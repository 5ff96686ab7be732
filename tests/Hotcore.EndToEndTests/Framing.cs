namespace Hotcore.EndToEndTests;

/// <summary>Where messages begin and end: RFC 9112, as clients and upstreams may rely on it.</summary>
public class Framing(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_body_with_a_length_arrives_whole()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST /a?b=c%20d HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 11\r\n\r\nhello world");

        Assert.Equal("POST /a?b=c%20d hello world", response.Text);
        Assert.Equal("11", upstream.Requests[0].Fields["Content-Length"]);
    }

    [Fact]
    public async Task A_body_of_length_zero_stays_one()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Exchange($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal("0", upstream.Requests[0].Fields["Content-Length"]);
    }

    [Fact]
    public async Task A_chunked_request_arrives_whole_and_without_its_extensions()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5;first\r\nhello\r\n6;name=\"qu;oted\\\" value\" ; other=1\r\n world\r\n00A\r\n and again\r\n0;last\r\n\r\n");

        Assert.Equal("POST / hello world and again", response.Text);
        Assert.DoesNotContain("first", upstream.Received);
        Assert.DoesNotContain("quoted", upstream.Received);
        Assert.DoesNotContain("last", upstream.Received);
    }

    [Fact]
    public async Task A_chunked_request_may_come_a_byte_at_a_time()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        foreach (var oneByte in $"POST /a HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: t\r\n\r\n")
        {
            await client.Send(oneByte.ToString());
        }

        Assert.Equal("POST /a hello!", (await client.Read()).Text);
    }

    [Fact]
    public async Task The_trailers_of_a_request_reach_the_upstream()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Exchange($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            + "5\r\nhello\r\n0\r\nX-Sum: abc\r\nX-Other: d e\r\n\r\n");

        var request = Assert.Single(upstream.Requests);
        Assert.Equal("abc", request.Trailers["X-Sum"]);
        Assert.Equal("d e", request.Trailers["X-Other"]);
    }

    [Fact]
    public async Task A_trailer_cannot_carry_framing_or_hop_by_hop_fields()
    {
        // RFC 9110 6.5.1. The request may be refused, or the fields dropped.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Exchange($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
            + "Content-Length: 77\r\nTransfer-Encoding: gzip\r\nHost: other.example.com\r\nConnection: x\r\nX-Sum: abc\r\n\r\n");

        Assert.DoesNotContain("77", upstream.Received);
        Assert.DoesNotContain("gzip", upstream.Received);
        Assert.DoesNotContain("other.example.com", upstream.Received);
        Assert.All(upstream.Requests, request => Assert.False(request.Trailers.Has("Connection")));
    }

    [Fact]
    public async Task A_chunked_answer_and_its_trailers_reach_the_client()
    {
        await using var upstream = TestUpstream.Answering(_ =>
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            + "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: abc\r\n\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Get(domain);

        Assert.Equal("hello world", response.Text);
        Assert.Equal("abc", response.Trailers["X-Sum"]);
        Assert.DoesNotContain("ext=1", client.Reader.Received);
    }

    [Fact]
    public async Task An_answer_that_ends_with_its_connection_arrives_whole_and_ends_for_the_client_too()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello ");
            await connection.Send("world");
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        Assert.Equal("hello world", (await Hotcore.Get(domain)).Text);
        Assert.Equal("hello world", (await Hotcore.Get(domain)).Text);
    }

    [Fact]
    public async Task An_early_hint_reaches_the_client_before_the_answer()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        var hint = await client.Read();
        await connection.Send(Answers.Ok("page"));
        var answer = await client.Read();

        Assert.Equal(103, hint.Status);
        Assert.Equal("</a.css>; rel=preload", hint.Fields["Link"]);
        Assert.Equal("page", answer.Text);
    }

    [Fact]
    public async Task A_client_of_HTTP_1_0_gets_no_interim_answer()
    {
        await using var upstream = TestUpstream.Answering(
            _ => "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + Answers.Ok("page"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"GET / HTTP/1.0\r\nHost: {domain}\r\n\r\n");

        Assert.Equal(200, response.Status);
        Assert.Equal("page", response.Text);
    }

    [Fact]
    public async Task A_client_that_expects_100_continue_gets_the_upstreams_and_sends_its_body_then()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        using var connection = await upstream.Accept();
        var head = await connection.ExpectHead();
        Assert.Equal("100-continue", head.Fields["Expect"]);
        await connection.Send("HTTP/1.1 100 Continue\r\n\r\n");
        Assert.Equal(100, (await client.Read()).Status);
        await client.Send("hello");
        Assert.Equal("hello"u8.ToArray(), await connection.BodyOf(head).ReadAll());
        await connection.Send(Answers.Ok("thanks"));

        Assert.Equal("thanks", (await client.Read()).Text);
    }

    [Fact]
    public async Task A_client_that_expects_100_continue_gets_an_early_refusal_and_sends_no_body()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectHead();
        await connection.Send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
        var response = await client.Read();

        Assert.Equal(417, response.Status);
        Assert.Equal("no", response.Text);
        // The upstream still waits for five bytes: nobody else's request may follow on that connection.
        var other = Hotcore.Get(domain, "/other");
        using var second = await upstream.Accept();
        Assert.Equal("/other", (await second.ExpectRequest()).Target);
        await second.Send(Answers.Ok("other"));
        Assert.Equal("other", (await other).Text);
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_body_is_through_reaches_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 1000000\r\n\r\nthe beginning");
        using var connection = await upstream.Accept();
        await connection.ExpectHead();
        await connection.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much");

        Assert.Equal("too much", (await client.Read()).Text);
    }

    [Fact]
    public async Task An_answer_to_HEAD_has_a_length_and_no_body()
    {
        await using var upstream = TestUpstream.Answering(request => request.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"HEAD / HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.Equal("1000", response.Fields["Content-Length"]);
        Assert.Equal("next", (await client.Get(domain)).Text);
    }

    [Fact]
    public async Task A_chunked_answer_to_HEAD_has_no_body()
    {
        await using var upstream = TestUpstream.Answering(request => request.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"HEAD / HTTP/1.1\r\nHost: {domain}\r\n\r\nGET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.Equal(200, (await client.Read("HEAD")).Status);
        Assert.Equal("next", (await client.Read()).Text);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 204)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n", 304)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304)]
    public async Task An_answer_that_has_no_body_by_its_status_is_followed_by_the_next(string answer, int status)
    {
        await using var upstream = TestUpstream.Answering(request => request.Target == "/" ? answer : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal(status, (await client.Get(domain)).Status);
        Assert.Equal("next", (await client.Get(domain, "/next")).Text);
        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task A_connection_of_HTTP_1_0_closes_after_the_answer()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"GET /old HTTP/1.0\r\nHost: {domain}\r\n\r\n");

        Assert.Equal("GET /old", response.Text);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    [Fact]
    public async Task A_connection_of_HTTP_1_0_stays_open_when_the_client_asks_for_it()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        var request = $"GET /old HTTP/1.0\r\nHost: {domain}\r\nConnection: keep-alive\r\n\r\n";

        var response = await client.Exchange(request);
        Assert.Equal("GET /old", response.Text);
        Assert.Contains("keep-alive", response.Fields["Connection"], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("GET /old", (await client.Exchange(request)).Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Connection: keep-alive\r\n")]
    public async Task A_chunked_answer_ends_with_the_connection_for_a_client_of_HTTP_1_0(string fields)
    {
        await using var upstream = TestUpstream.Answering(_ =>
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: abc\r\n\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"GET / HTTP/1.0\r\nHost: {domain}\r\n{fields}\r\n");

        Assert.False(response.Fields.Has("Transfer-Encoding"));
        Assert.Equal("hello world", response.Text);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    [Fact]
    public async Task The_upstream_is_spoken_to_in_HTTP_1_1_even_for_a_client_of_HTTP_1_0()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Exchange($"GET /old HTTP/1.0\r\nHost: {domain}\r\n\r\n");

        Assert.StartsWith("GET /old HTTP/1.1\r\n", upstream.Received);
    }

    [Fact]
    public async Task An_upstream_of_HTTP_1_0_is_understood_and_its_connection_not_reused()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
                await connection.Send($"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{request.Target}");
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Get(domain, "/a");
        Assert.Equal("/a", response.Text);
        Assert.StartsWith("HTTP/1.1 ", response.Head.StartLine);
        Assert.Equal("/b", (await client.Get(domain, "/b")).Text);
        Assert.Equal(2, upstream.Connections.Count);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_their_order()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                // The first takes longest: answers that overtook it would show.
                if (request.Target == "/1")
                    await Task.Delay(200);
                await connection.Send(request.Method == "HEAD"
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
                    : TestUpstream.Repeat(request));
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET /1 HTTP/1.1\r\nHost: {domain}\r\n\r\n"
            + $"POST /2 HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello"
            + $"POST /3 HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n"
            + $"HEAD /4 HTTP/1.1\r\nHost: {domain}\r\n\r\n"
            + $"GET /5 HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");

        Assert.Equal("GET /1", (await client.Read()).Text);
        Assert.Equal("POST /2 hello", (await client.Read()).Text);
        Assert.Equal("POST /3 world", (await client.Read()).Text);
        Assert.Equal(200, (await client.Read("HEAD")).Status);
        Assert.Equal("GET /5", (await client.Read()).Text);
        await client.ReadEnd();
    }

    [Fact]
    public async Task A_hundred_pipelined_requests_are_all_answered()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send(string.Concat(
            Enumerable.Range(0, 100).Select(i => $"GET /{i} HTTP/1.1\r\nHost: {domain}\r\n\r\n")));

        for (var i = 0; i < 100; i++)
            Assert.Equal($"GET /{i}", (await client.Read()).Text);
    }

    [Theory]
    [InlineData("http://{host}/path?query=1", "/path?query=1")]
    [InlineData("HTTP://{host}/path", "/path")]
    [InlineData("http://{host}", "/")]
    [InlineData("http://{host}?query=1", "/?query=1")]
    public async Task An_absolute_form_target_is_forwarded_in_origin_form(string target, string expected)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"GET {target.Replace("{host}", domain)} HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.Equal($"GET {expected}", response.Text);
        Assert.Equal(domain, upstream.Requests[0].Fields["Host"]);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("http://{host}")]
    public async Task Options_for_the_server_as_a_whole_reach_the_upstream_as_asterisk(string target)
    {
        // RFC 9112 3.2.4: from the absolute form without a path, too.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"OPTIONS {target.Replace("{host}", domain)} HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.Equal("OPTIONS *", response.Text);
    }

    [Fact]
    public async Task An_asterisk_is_no_target_for_another_method()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal(400, (await client.Exchange($"GET * HTTP/1.1\r\nHost: {domain}\r\n\r\n")).Status);
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task An_empty_line_before_a_request_is_tolerated()
    {
        // RFC 9112 2.2.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"\r\nGET /1 HTTP/1.1\r\nHost: {domain}\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.Equal("GET /1", (await client.Read()).Text);
        Assert.Equal("GET /2", (await client.Read()).Text);
    }

    [Theory]
    [InlineData("/a/../b//c/%2e%2E/%00/;x=1?q=%20+&r='~!$()*,:@")]
    // Browsers send these unescaped in a query, whatever RFC 3986 says.
    [InlineData("/a?filter[0]={b|c}")]
    public async Task A_target_is_forwarded_byte_for_byte(string target)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        Assert.Equal(200, (await Hotcore.Get(domain, target)).Status);
        Assert.Equal(target, upstream.Requests[0].Target);
    }

    [Theory]
    [InlineData("{HOST}")]
    [InlineData("{host}.")]
    [InlineData("{host}:80")]
    [InlineData("{host}:")]
    public async Task A_host_is_routed_without_regard_to_case_port_or_trailing_dot(string pattern)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var host = pattern.Replace("{HOST}", domain.ToUpperInvariant()).Replace("{host}", domain);

        Assert.Equal(200, (await Hotcore.Get(host)).Status);
        Assert.Equal(host, upstream.Requests[0].Fields["Host"]);
    }

    [Fact]
    public async Task A_client_that_asks_to_close_is_closed_after_its_answer()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Get(domain, "/", "Connection: close\r\n");

        Assert.Equal("close", response.Fields["Connection"], ignoreCase: true);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    [Fact]
    public async Task Any_method_is_forwarded()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        foreach (var method in new[] { "PUT", "PATCH", "DELETE", "PROPFIND", "X-Own!" })
            Assert.Equal($"{method} /a", (await client.Exchange($"{method} /a HTTP/1.1\r\nHost: {domain}\r\n\r\n")).Text);
    }
}

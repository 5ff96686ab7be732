using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>
/// RFC 9113 8: what a request is made of. What is malformed here could become another request in HTTP/1.1: nothing of it
/// may reach an upstream, and the connection goes on for the others. {host} stands for the mapped domain.
/// </summary>
public class Http2Fields(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n";

    private static readonly (string Name, string Value)[] Good =
        [(":method", "GET"), (":scheme", "http"), (":authority", "{host}"), (":path", "/smuggled")];

    /// <summary>Heads of requests without a body.</summary>
    private static readonly Dictionary<string, (string Name, string Value)[]> MalformedHeads = new()
    {
        ["no fields at all"] = [],
        [":method missing"] = Without(":method"),
        [":scheme missing"] = Without(":scheme"),
        [":path missing"] = Without(":path"),
        [":authority and host missing"] = Without(":authority"),
        [":method twice"] = With((":method", "GET")),
        [":scheme twice"] = With((":scheme", "http")),
        [":path twice"] = With((":path", "/smuggled")),
        [":authority twice"] = With((":authority", "{host}")),
        [":authority twice, different"] = With((":authority", "other.example.com")),
        [":path twice, different"] = With((":path", "/other")),
        [":status in a request"] = With((":status", "200")),
        [":protocol without CONNECT"] = With((":protocol", "websocket")),
        ["unknown pseudo-field"] = With((":unknown", "a")),
        ["pseudo-field without a name"] = With((":", "a")),
        ["pseudo-field in capitals"] = Instead(":path", (":Path", "/smuggled")),
        ["pseudo-field with a blank"] = With((":path ", "/other")),
        ["pseudo-field behind a field"] = [.. Without(":path"), ("x-field", "a"), (":path", "/smuggled")],
        [":authority behind a field"] = [.. Without(":authority"), ("x-field", "a"), (":authority", "{host}")],

        [":method empty"] = Instead(":method", (":method", "")),
        [":method with a blank"] = Instead(":method", (":method", "GET /smuggled HTTP/1.1")),
        [":method with CRLF"] = Instead(":method", (":method", "GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET")),
        [":method with a colon"] = Instead(":method", (":method", "GET:")),
        [":method with a control character"] = Instead(":method", (":method", "GE\u0001T")),
        [":method with a byte beyond ASCII"] = Instead(":method", (":method", "G\u00c9T")),
        [":method with a leading blank"] = Instead(":method", (":method", " GET")),

        [":scheme empty"] = Instead(":scheme", (":scheme", "")),
        [":scheme with a blank"] = Instead(":scheme", (":scheme", "http ")),
        [":scheme with a path"] = Instead(":scheme", (":scheme", "http://{host}/smuggled?")),
        [":scheme with CRLF"] = Instead(":scheme", (":scheme", "http\r\nX-Smuggled: a")),
        [":scheme that begins with a digit"] = Instead(":scheme", (":scheme", "1http")),

        [":path empty"] = Instead(":path", (":path", "")),
        [":path without a slash"] = Instead(":path", (":path", "smuggled")),
        [":path with a blank"] = Instead(":path", (":path", "/a smuggled")),
        [":path that ends like a request line"] = Instead(":path", (":path", "/smuggled HTTP/1.1")),
        [":path with CRLF"] = Instead(":path", (":path", "/ HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled)),
        [":path with LF"] = Instead(":path", (":path", "/\nsmuggled")),
        [":path with CR"] = Instead(":path", (":path", "/\rsmuggled")),
        [":path with NUL"] = Instead(":path", (":path", "/\0smuggled")),
        [":path with a tab"] = Instead(":path", (":path", "/\tsmuggled")),
        [":path with DEL"] = Instead(":path", (":path", "/\u007fsmuggled")),
        [":path with a fragment"] = Instead(":path", (":path", "/a#smuggled")),
        [":path with a leading blank"] = Instead(":path", (":path", " /smuggled")),
        [":path with a trailing blank"] = Instead(":path", (":path", "/smuggled ")),
        [":path * for GET"] = Instead(":path", (":path", "*")),
        [":path ** for OPTIONS"] =
            [(":method", "OPTIONS"), (":scheme", "http"), (":authority", "{host}"), (":path", "**")],
        [":path in absolute form"] = Instead(":path", (":path", "http://{host}/smuggled")),

        [":authority empty"] = Instead(":authority", (":authority", "")),
        [":authority with user information"] = Instead(":authority", (":authority", "a@{host}")),
        [":authority with a blank"] = Instead(":authority", (":authority", "{host} b")),
        [":authority with a leading blank"] = Instead(":authority", (":authority", " {host}")),
        [":authority with a trailing blank"] = Instead(":authority", (":authority", "{host} ")),
        [":authority as a list"] = Instead(":authority", (":authority", "{host}, other.example.com")),
        [":authority with a path"] = Instead(":authority", (":authority", "{host}/smuggled")),
        [":authority with a query"] = Instead(":authority", (":authority", "{host}?smuggled")),
        [":authority with a fragment"] = Instead(":authority", (":authority", "{host}#smuggled")),
        [":authority with a backslash"] = Instead(":authority", (":authority", "{host}\\smuggled")),
        [":authority with CRLF"] = Instead(":authority", (":authority", "{host}\r\nX-Smuggled: a")),
        [":authority with NUL"] = Instead(":authority", (":authority", "{host}\0")),
        [":authority with two ports"] = Instead(":authority", (":authority", "{host}:80:80")),
        [":authority with a port that is no number"] = Instead(":authority", (":authority", "{host}:port")),
        [":authority with a port beyond 65535"] = Instead(":authority", (":authority", "{host}:65536")),
        [":authority with a scheme"] = Instead(":authority", (":authority", "http://{host}")),

        ["host that differs from :authority"] = With(("host", "other.example.com")),
        ["host with another port than :authority"] = With(("host", "{host}:81")),
        ["host empty beside :authority"] = With(("host", "")),
        ["host twice"] = With(("host", "{host}"), ("host", "{host}")),
        ["host twice, the second different"] = With(("host", "{host}"), ("host", "other.example.com")),
        ["host twice without :authority"] = [.. Without(":authority"), ("host", "{host}"), ("host", "{host}")],
        ["host with user information without :authority"] = [.. Without(":authority"), ("host", "a@{host}")],
        ["host as a list without :authority"] = [.. Without(":authority"), ("host", "{host}, other.example.com")],

        ["connection"] = With(("connection", "close")),
        ["connection keep-alive"] = With(("connection", "keep-alive")),
        ["connection that names a field"] = With(("connection", "x-forwarded-for")),
        ["keep-alive"] = With(("keep-alive", "timeout=5")),
        ["proxy-connection"] = With(("proxy-connection", "keep-alive")),
        ["transfer-encoding: chunked"] = With(("transfer-encoding", "chunked")),
        ["transfer-encoding: identity"] = With(("transfer-encoding", "identity")),
        ["transfer-encoding empty"] = With(("transfer-encoding", "")),
        ["upgrade: h2c"] = With(("upgrade", "h2c")),
        ["upgrade: websocket"] = With(("upgrade", "websocket")),
        ["te: gzip"] = With(("te", "gzip")),
        ["te: chunked"] = With(("te", "chunked")),
        ["te: trailers, gzip"] = With(("te", "trailers, gzip")),
        ["te: trailers;q=0.5"] = With(("te", "trailers;q=0.5")),

        ["name in capitals"] = With(("X-FIELD", "a")),
        ["name with one capital"] = With(("x-fielD", "a")),
        ["name of a framing field in capitals"] = With(("Transfer-Encoding", "chunked")),
        ["name with a colon"] = With(("x-field: a\r\nx-smuggled", "a")),
        ["name with a colon alone"] = With(("x-field:", "a")),
        ["name that begins with a colon"] = With((":x-field", "a")),
        ["name empty"] = With(("", "a")),
        ["name with a blank"] = With(("x field", "a")),
        ["name with a leading blank"] = With((" x-field", "a")),
        ["name with a trailing blank"] = With(("x-field ", "a")),
        ["name of a framing field with a trailing blank"] = With(("transfer-encoding ", "chunked")),
        ["name with a tab"] = With(("x\tfield", "a")),
        ["name with CRLF"] = With(("x-field\r\nx-smuggled", "a")),
        ["name with LF"] = With(("x-field\n", "a")),
        ["name with NUL"] = With(("x-field\0", "a")),
        ["name with DEL"] = With(("x-field\u007f", "a")),
        ["name with a parenthesis"] = With(("x(field", "a")),
        ["name with a byte beyond ASCII"] = With(("x-f\u00e9ld", "a")),

        ["value with CRLF"] = With(("x-field", "a\r\nx-smuggled: b")),
        ["value with a whole request"] = With(("x-field", "a\r\n\r\n" + Smuggled)),
        ["value with LF"] = With(("x-field", "a\nx-smuggled: b")),
        ["value with CR"] = With(("x-field", "a\rb")),
        ["value with NUL"] = With(("x-field", "a\0b")),
        ["value that ends with LF"] = With(("x-field", "a\n")),
        ["value that ends with CR"] = With(("x-field", "a\r")),
        ["value with a leading blank"] = With(("x-field", " a")),
        ["value with a trailing blank"] = With(("x-field", "a ")),
        ["value with a leading tab"] = With(("x-field", "\ta")),
        ["value with a trailing tab"] = With(("x-field", "a\t")),
        ["value of a blank"] = With(("x-field", " ")),
        ["cookie with CRLF"] = With(("cookie", "a=1\r\nx-smuggled: b"), ("cookie", "b=2")),
        ["cookie with a leading blank"] = With(("cookie", "a=1"), ("cookie", " b=2")),

        ["content-length of a body that does not come"] = With(("content-length", "5")),
        ["content-length twice, the same"] = With(("content-length", "0"), ("content-length", "0")),
        ["content-length twice, different"] = With(("content-length", "0"), ("content-length", "5")),
        ["content-length as a list"] = With(("content-length", "0, 0")),
        ["content-length with a sign"] = With(("content-length", "+0")),
        ["content-length below nothing"] = With(("content-length", "-1")),
        ["content-length in hexadecimal"] = With(("content-length", "0x0")),
        ["content-length empty"] = With(("content-length", "")),
        ["content-length with a point"] = With(("content-length", "0.0")),
        ["content-length with a blank within"] = With(("content-length", "0 0")),
        ["content-length beyond 64 bits"] = With(("content-length", "18446744073709551616")),
        ["content-length beyond 63 bits"] = With(("content-length", "9223372036854775808")),
    };

    /// <summary>What follows an open POST with these fields: the body that was sent is not the one that was stated.</summary>
    private static readonly Dictionary<string, ((string, string)[] Fields, Http2Frame[] Frames)> MalformedBodies = new()
    {
        ["shorter than stated"] = ([("content-length", "12")], [Data(1, "smuggled", true)]),
        ["shorter than stated, its end in an empty frame"] =
            ([("content-length", "12")], [Data(1, "smuggled"), Data(1, "", true)]),
        ["empty where a length was stated"] = ([("content-length", "12")], [Data(1, "", true)]),
        ["longer than stated"] = ([("content-length", "5")], [Data(1, "smuggled", true)]),
        ["longer than stated in its second frame"] =
            ([("content-length", "5")], [Data(1, "first"), Data(1, "smuggled", true)]),
        ["longer than stated before its end"] = ([("content-length", "5")], [Data(1, "first"), Data(1, "smuggled")]),
        ["longer than nothing"] = ([("content-length", "0")], [Data(1, "smuggled", true)]),
        ["shorter than stated, with trailers"] =
            ([("content-length", "12")], [Data(1, "smuggled"), Headers(1, Hpack.Block(("x-trailer", "a")))]),
        ["longer by another request"] =
            ([("content-length", "5")], [Data(1, "firstGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", true)]),
        ["trailers with a pseudo-field"] = ([], [Data(1, "first"), Headers(1, Hpack.Block((":path", "/smuggled")))]),
        ["trailers with an unknown pseudo-field"] =
            ([], [Data(1, "first"), Headers(1, Hpack.Block((":smuggled", "a")))]),
        ["trailers with :status"] = ([], [Data(1, "first"), Headers(1, Hpack.Block((":status", "200")))]),
        ["trailers with a name in capitals"] = ([], [Data(1, "first"), Headers(1, Hpack.Block(("X-Smuggled", "a")))]),
        ["trailers with CRLF"] = ([], [Data(1, "first"), Headers(1, Hpack.Block(("x-trailer", "a\r\nx-smuggled: b")))]),
        ["trailers with CRLF in a name"] =
            ([], [Data(1, "first"), Headers(1, Hpack.Block(("x-trailer: a\r\nx-smuggled", "b")))]),
        ["trailers with transfer-encoding"] =
            ([], [Data(1, "first"), Headers(1, Hpack.Block(("transfer-encoding", "chunked"), ("x-smuggled", "a")))]),
        ["trailers with connection"] =
            ([], [Data(1, "first"), Headers(1, Hpack.Block(("connection", "close"), ("x-smuggled", "a")))]),
        ["trailers with NUL"] = ([], [Data(1, "first"), Headers(1, Hpack.Block(("x-smuggled", "\0")))]),
        ["trailers with a name that is empty"] = ([], [Data(1, "first"), Headers(1, Hpack.Block(("", "smuggled")))]),
    };

    private static readonly string[] LongerLater =
        ["longer than stated in its second frame", "longer than stated before its end"];

    private static readonly Dictionary<string, ((string Name, string Value)[] Fields, string Line, string Host)> GoodHeads = new()
    {
        ["nothing but what must be"] = (Good, "GET /smuggled", "{host}"),
        ["pseudo-fields in another order"] =
            ([(":path", "/a"), (":authority", "{host}"), (":scheme", "http"), (":method", "GET")], "GET /a", "{host}"),
        ["host beside :authority, the same"] = (With(("host", "{host}")), "GET /smuggled", "{host}"),
        ["host beside :authority, the usual port"] = (With(("host", "{host}:80")), "GET /smuggled", "{host}"),
        ["host beside :authority with the usual port"] =
            ([.. Without(":authority"), (":authority", "{host}:80"), ("host", "{host}")], "GET /smuggled", "{host}:80"),
        ["host without :authority"] = ([.. Without(":authority"), ("host", "{host}")], "GET /smuggled", "{host}"),
        [":authority with a port"] =
            (Instead(":authority", (":authority", "{host}:8080")), "GET /smuggled", "{host}:8080"),
        [":path with a query"] = (Instead(":path", (":path", "/a?b=c%20d&e=/?")), "GET /a?b=c%20d&e=/?", "{host}"),
        [":path of two slashes"] = (Instead(":path", (":path", "//a//b/../c")), "GET //a//b/../c", "{host}"),
        ["OPTIONS *"] = ([(":method", "OPTIONS"), (":scheme", "http"), (":authority", "{host}"), (":path", "*")],
            "OPTIONS *", "{host}"),
        ["OPTIONS of a path"] =
            ([(":method", "OPTIONS"), (":scheme", "http"), (":authority", "{host}"), (":path", "/a")], "OPTIONS /a",
            "{host}"),
        ["a method of one's own"] =
            ([(":method", "M-SEARCH"), (":scheme", "http"), (":authority", "{host}"), (":path", "/a")], "M-SEARCH /a",
            "{host}"),
        ["DELETE"] = ([(":method", "DELETE"), (":scheme", "http"), (":authority", "{host}"), (":path", "/a")],
            "DELETE /a", "{host}"),
        ["te: trailers"] = (With(("te", "trailers")), "GET /smuggled", "{host}"),
        ["content-length: 0"] = (With(("content-length", "0")), "GET /smuggled", "{host}"),
    };

    public static TheoryData<string> MalformedHeadNames => [.. MalformedHeads.Keys];

    public static TheoryData<string> MalformedBodyNames => [.. MalformedBodies.Keys];

    public static TheoryData<string> GoodHeadNames => [.. GoodHeads.Keys];

    [Theory]
    [MemberData(nameof(MalformedHeadNames))]
    public async Task A_malformed_head_resets_its_stream_and_nothing_reaches_an_upstream(string name)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1, Block(MalformedHeads[name], domain)));

        await client.ExpectReset(1, ProtocolError);
        Assert.Equal("", upstream.Received);
        await ExpectCleanAnswer(client, domain);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Theory]
    [MemberData(nameof(MalformedBodyNames))]
    public async Task A_body_other_than_stated_is_never_a_whole_one_at_the_upstream(string name)
    {
        var (fields, frames) = MalformedBodies[name];
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // A request without a body is whole with its head: the surplus comes with that head, before there is a connection for it.
        if (name == "longer than nothing")
        {
            await client.Send([Headers(1, Http2Client.Head(domain, "/open", "POST", fields), endStream: false), .. frames]);
        }
        else
        {
            await client.Request(domain, "/open", "POST", fields, endStream: false);
            await client.Send(frames);
        }

        // What was stated may have come whole before the surplus showed: then that and nothing else is the request, whose
        // answer may end the stream first (8.1).
        if (LongerLater.Contains(name))
            await client.ExpectReset(1, ProtocolError, NoError);
        else
            await client.ExpectReset(1, ProtocolError);
        await ExpectCleanAnswer(client, domain);
        Assert.Equal(
            ["GET /clean"], upstream.RequestLines.Where(line => line != "POST /open" || !LongerLater.Contains(name)));
        Assert.Empty(upstream.Malformed);
        foreach (var used in upstream.Connections.Where(connection => connection.Received.Contains("/open ")))
        {
            Assert.DoesNotContain("/clean", used.Received);
            await Wait.Until(() => used.Reader.End != null, "the end of the upstream connection with half a request");
        }
        Assert.All(upstream.Requests, request => Assert.DoesNotContain("smuggled", request.Text));
        Assert.DoesNotContain("GET /smuggled", upstream.Received);
        Assert.DoesNotContain("x-smuggled", upstream.Received, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(GoodHeadNames))]
    public async Task A_head_that_is_unusual_is_forwarded_as_HTTP_1_1_says_it(string name)
    {
        var (fields, line, host) = GoodHeads[name];
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1, Block(fields, domain)));
        await client.ReadAnswerOf(1);

        Assert.Equal(200, client.Stream(1).Status);
        Assert.StartsWith($"{line} HTTP/1.1\r\n", upstream.Received);
        var request = Assert.Single(upstream.Requests);
        Assert.Equal(host.Replace("{host}", domain), request.Fields["Host"]);
        Assert.DoesNotContain(request.Fields, field => field.Name.StartsWith(':'));
        Assert.False(request.Fields.Has("Transfer-Encoding"));
    }

    [Fact]
    public async Task Capitals_in_the_authority_make_no_other_name()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        Assert.Equal("GET /", (await client.Get(domain.ToUpperInvariant())).Text);
    }

    [Fact]
    public async Task Cookies_become_one_line()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Get(domain, "/", ("cookie", "a=1"), ("x-field", "b"), ("cookie", "c=3; d=4"), ("cookie", "e=5"));

        var request = Assert.Single(upstream.Requests);
        Assert.Equal("a=1; c=3; d=4; e=5", request.Fields["Cookie"]);
        Assert.Equal("b", request.Fields["X-Field"]);
    }

    [Fact]
    public async Task Fields_pass_both_ways_and_those_for_one_connection_do_not()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(
            "hello",
            "Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nSet-Cookie: a=1; Path=/\r\n"
            + "set-cookie: b=2\r\nX-Empty:\r\nX-High: caf\u00e9\r\nX-END: kept\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var answer = await client.Get(
            domain, "/", ("x-own-field", "A  b"), ("x-empty", ""), ("x-high", "caf\u00e9"), ("x-twice", "1"),
                ("x-twice", "2"), ("x-tab", "a\tb"));

        var request = Assert.Single(upstream.Requests);
        Assert.Equal("A  b", request.Fields["X-Own-Field"]);
        Assert.Equal("", request.Fields["X-Empty"]);
        Assert.Equal("caf\u00e9", request.Fields["X-High"]);
        Assert.Equal(["1", "2"], request.Fields.Values("X-Twice"));
        Assert.Equal("a\tb", request.Fields["X-Tab"]);
        // That there are none of the connection's, and no capitals, the client has judged already.
        Assert.False(answer.Head!.Has("x-hop"));
        Assert.Equal(["a=1; Path=/", "b=2"], answer.Head.Values("set-cookie"));
        Assert.Equal("", answer.Head["x-empty"]);
        Assert.Equal("caf\u00e9", answer.Head["x-high"]);
        Assert.Equal("kept", answer.Head["x-end"]);
    }

    [Fact]
    public async Task The_app_learns_whose_request_it_is()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var plain = await Http2Client.Connect(Hotcore.Http);
        await using var tls = await Http2Client.ConnectTls(Hotcore, domain);

        await plain.Get(domain);
        await tls.Get(domain);
        await plain.Get(domain, "/", ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https"));

        var protocols = upstream.Requests.Select(request => request.Fields["X-Forwarded-Proto"]);
        Assert.Equal(["http", "https", "https"], protocols);
        Assert.Equal("127.0.0.1", upstream.Requests[1].Fields["X-Forwarded-For"]);
        Assert.Equal("127.0.0.1", upstream.Requests[1].Fields["X-Real-IP"]);
        Assert.Equal(domain, upstream.Requests[1].Fields["X-Forwarded-Host"]);
        // From this machine claims are believed.
        Assert.Equal("203.0.113.7, 127.0.0.1", upstream.Requests[2].Fields["X-Forwarded-For"]);
    }

    [Fact]
    public async Task An_authority_that_is_not_the_name_of_the_handshake_is_misdirected()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var other = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.ConnectTls(Hotcore, domain);

        Assert.Equal("GET /first", (await client.Get(domain, "/first")).Text);
        Assert.Equal(421, (await client.Get(other, "/second")).Status);
        Assert.Equal("GET /third", (await client.Get($"{domain.ToUpperInvariant()}:443", "/third")).Text);

        Assert.Equal(["GET /first", "GET /third"], upstream.RequestLines);
    }

    [Fact]
    public async Task An_unknown_domain_gets_a_line_of_text_and_a_browser_a_page()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var line = await client.Get("nobody.example.com");
        var page = await client.Get("nobody.example.com", "/", ("accept", "text/html,*/*;q=0.8"));

        Assert.Equal((404, 404), (line.Status, page.Status));
        Assert.StartsWith("text/plain", line.Head!["content-type"]);
        Assert.Contains("nobody.example.com", line.Text);
        Assert.StartsWith("text/html", page.Head!["content-type"]);
    }

    [Fact]
    public async Task HEAD_gets_an_error_without_a_body()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Request("nobody.example.com", "/", "HEAD");
        await client.ReadAnswer(stream);

        Assert.Equal((404, 0L), (stream.Status, stream.BodyLength));
    }

    [Fact]
    public async Task A_body_for_an_unknown_domain_never_becomes_a_request()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Request("nobody.example.com", "/", "POST", endStream: false);
        await client.Send(Data(stream.Id, Smuggled.Replace("{host}", domain), true));
        await client.ReadAnswer(stream);

        Assert.Equal(404, stream.Status);
        await ExpectCleanAnswer(client, domain);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
    }

    [Theory]
    [InlineData("CONNECT", 405)]
    [InlineData("CONNECT with :path", 0)]
    public async Task CONNECT_opens_no_tunnel(string name, int status)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // 8.5: :scheme and :path are left out.
        await client.Send(
            Headers(1, Block(name == "CONNECT"
                ? [(":method", "CONNECT"), (":authority", "{host}:80")]
                : [(":method", "CONNECT"), (":scheme", "http"), (":authority", "{host}:80"), (":path", "/smuggled")],
                    domain), endStream: false));
        await client.Until(() => client.Stream(1) is { Head: not null } or { Reset: not null }, "a refusal");

        if (status != 0)
            Assert.Equal(status, client.Stream(1).Status);
        else
            Assert.True(client.Stream(1).Reset is ProtocolError || client.Stream(1).Status is 400 or 405);
        Assert.Equal("", upstream.Received);
        await client.ExpectPong();
        await client.Send(RstStream(1));
        await ExpectCleanAnswer(client, domain);
    }

    [Theory]
    [InlineData("GET", "/16,000", 200)]
    [InlineData("GET", "/16,384", 414)]
    [InlineData("GET", "/30,000", 414)]
    [InlineData("POST", "/16,384", 414)]
    public async Task A_path_beyond_16_KiB_is_refused_with_414(string method, string length, int status)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var block = Http2Client.Head(domain, "/" + new string('a', int.Parse(length[1..].Replace(",", ""))), method);

        await SendBlock(client, block);
        await client.ReadAnswerOf(1);

        Assert.Equal(status, client.Stream(1).Status);
        await ExpectCleanAnswer(client, domain);
        Assert.Equal(status == 200 ? 2 : 1, upstream.Requests.Count);
    }

    [Theory]
    [InlineData("a value of 30,000", 200)]
    [InlineData("a value of 32,768", 431)]
    [InlineData("a name of 33,000", 431)]
    [InlineData("100 values of 400", 431)]
    [InlineData("128 fields", 200)]
    [InlineData("129 fields", 431)]
    [InlineData("500 fields", 431)]
    public async Task A_header_section_beyond_32_KiB_or_128_fields_is_refused_with_431(string name, int status)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var fields = name switch
        {
            "a value of 30,000" => [("x-field", new string('a', 30_000))],
            "a value of 32,768" => [("x-field", new string('a', 32_768))],
            "a name of 33,000" => [(new string('a', 33_000), "a")],
            "100 values of 400" => Many(100, new string('a', 400)),
            // With the four that begin with a colon.
            "128 fields" => Many(124, "a"),
            "129 fields" => Many(129, "a"),
            _ => Many(500, "a"),
        };

        await SendBlock(client, Http2Client.Head(domain, "/long", "GET", fields));
        await client.ReadAnswerOf(1);

        Assert.Equal(status, client.Stream(1).Status);
        await ExpectCleanAnswer(client, domain);
        Assert.Equal(status == 200 ? 2 : 1, upstream.Requests.Count);
        if (status == 200)
            Assert.All(fields, field => Assert.Equal(field.Item2, upstream.Requests[0].Fields[field.Item1]));
    }

    [Fact]
    public async Task A_header_section_far_beyond_the_limits_is_refused_or_taken_for_an_attack()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await SendBlock(client, Http2Client.Head(domain, "/long", "GET", ("x-field", new string('a', 200_000))));
        await client.Until(() => client.Stream(1).IsOver || client.End != null, "a refusal");

        if (client.Stream(1).HasEnded)
            Assert.Equal(431, client.Stream(1).Status);
        else
            Assert.Equal(EnhanceYourCalm, client.GoAway?.Error);
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task A_head_too_long_still_counts_for_the_tables()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await SendBlock(client,
        [
            .. Http2Client.Head(domain, "/long", "GET", ("x-field", new string('a', 40_000))),
                .. Hpack.Indexing("x-kept", "a")
        ]);
        await client.ReadAnswerOf(1);
        Assert.Equal(431, client.Stream(1).Status);
        await client.Send(Headers(3, [.. Http2Client.Head(domain, "/next"), .. Hpack.Indexed(62)]));
        await client.ReadAnswerOf(3);

        Assert.Equal("a", Assert.Single(upstream.Requests).Fields["X-Kept"]);
    }

    [Fact]
    public async Task Trailers_beyond_the_limits_never_end_a_request()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/open", "POST", endStream: false);
        await client.Send(Data(stream.Id, "hello"));

        await SendBlock(client, Hpack.Block(("x-trailer", new string('a', 40_000))));
        await client.Until(() => stream.IsOver || client.End != null, "a refusal");

        Assert.True(stream.Reset != null || stream.Head == null || stream.Status == 431, "an answer");
        Assert.Empty(upstream.Requests);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Fact]
    public async Task Good_and_malformed_requests_of_one_connection_do_not_mix()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send([.. Enumerable.Range(0, 40).Select(i => Headers(
            (uint)((2 * i) + 1),
            i % 2 == 0 ? Http2Client.Head(domain, $"/good/{i}")
                : Http2Client.Head(domain, "/smuggled", "GET", ("x-field", "a\r\nx-b: c"))))]);

        for (var i = 0; i < 40; i += 2)
        {
            await client.ReadAnswerOf((uint)((2 * i) + 1));
            await client.ExpectReset((uint)((2 * i) + 3), ProtocolError);
            Assert.Equal($"GET /good/{i}", client.Stream((uint)((2 * i) + 1)).Text);
        }
        Assert.Equal(20, upstream.Requests.Count);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    private static (string, string)[] Many(int count, string value) =>
        [.. Enumerable.Range(0, count).Select(i => ($"x-{i}", value))];

    private static (string, string)[] With(params (string, string)[] more) => [.. Good, .. more];

    private static (string, string)[] Without(string name) => [.. Good.Where(field => field.Name != name)];

    private static (string, string)[] Instead(string name, (string, string) field) =>
        [.. Good.Select(good => good.Name == name ? field : good)];

    private static byte[] Block((string Name, string Value)[] fields, string domain) =>
        Hpack.Block(
            fields.Select(field => (field.Name.Replace("{host}", domain), field.Value.Replace("{host}", domain))));

    /// <summary>A block on stream 1, in as many frames as it takes.</summary>
    private static Task SendBlock(Http2Client client, byte[] block)
    {
        var pieces = block.Chunk(16_384).ToArray();
        return client.Send([.. pieces.Select((piece, i) => i == 0
            ? Headers(1, piece, endHeaders: pieces.Length == 1)
            : Continuation(1, piece, i == pieces.Length - 1))]);
    }

    private static async Task ExpectCleanAnswer(Http2Client client, string domain) =>
        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
}

namespace Hotcore.EndToEndTests;

/// <summary>
/// Requests whose framing or host two readers could understand differently, as literal bytes. Behind each stands a
/// second request, which a reader that guesses wrong would take for one of its own. {host} stands for the mapped
/// domain.
/// </summary>
public class RequestSmuggling(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n";

    private static readonly int[] BadRequest = [400];

    /// <summary>A version that is not ours may be called bad (400) or not supported (505).</summary>
    private static readonly int[] BadVersion = [400, 505];

    private static readonly Dictionary<string, (string Bytes, int[] Statuses)> Heads = new()
    {
        ["Content-Length then Transfer-Encoding"] =
            (Post("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding then Content-Length"] =
            (Post("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n"), BadRequest),

        ["Transfer-Encoding: xchunked"] = (Post("Transfer-Encoding: xchunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding: identity"] = (Post("Transfer-Encoding: identity", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding: chunked, gzip"] = (Post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), BadRequest),
        // RFC 9112 6.1: a coding that is not understood may be answered with 501.
        ["Transfer-Encoding: gzip, chunked"] = (Post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), [400, 501]),
        ["Transfer-Encoding: chunked, chunked"] = (Post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding in two lines, both chunked"] =
            (Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding in two lines, the second identity"] =
            (Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding empty"] = (Post("Transfer-Encoding:", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding with a vertical tab"] = (Post("Transfer-Encoding: \vchunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding quoted"] = (Post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding with a trailing comma"] = (Post("Transfer-Encoding: chunked,", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding with a leading comma"] = (Post("Transfer-Encoding: ,chunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding with a parameter"] = (Post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding in HTTP/1.0"] =
            ("POST /a HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Smuggled, BadRequest),
        ["Transfer-Encoding with a space before the colon"] =
            (Post("Transfer-Encoding : chunked", "0\r\n\r\n"), BadRequest),
        ["Transfer-Encoding on a folded line"] = (Post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), BadRequest),

        ["Content-Length: +5"] = (Post("Content-Length: +5", "hello"), BadRequest),
        ["Content-Length: -1"] = (Post("Content-Length: -1", ""), BadRequest),
        ["Content-Length: 0x5"] = (Post("Content-Length: 0x5", "hello"), BadRequest),
        ["Content-Length: 5, 6"] = (Post("Content-Length: 5, 6", "hello"), BadRequest),
        ["Content-Length: 5, 5"] = (Post("Content-Length: 5, 5", "hello"), BadRequest),
        ["Content-Length: 5,"] = (Post("Content-Length: 5,", "hello"), BadRequest),
        ["Content-Length: 5.0"] = (Post("Content-Length: 5.0", "hello"), BadRequest),
        ["Content-Length in two lines, the same"] =
            (Post("Content-Length: 5\r\nContent-Length: 5", "hello"), BadRequest),
        ["Content-Length in two lines that differ"] =
            (Post("Content-Length: 5\r\nContent-Length: 0", "hello"), BadRequest),
        ["Content-Length beyond 64 bits"] = (Post("Content-Length: 18446744073709551621", "hello"), BadRequest),
        ["Content-Length beyond 63 bits"] = (Post("Content-Length: 9223372036854775813", "hello"), BadRequest),
        ["Content-Length of 30 digits"] = (Post("Content-Length: 100000000000000000000000000005", "hello"), BadRequest),
        ["Content-Length empty"] = (Post("Content-Length:", "hello"), BadRequest),
        ["Content-Length with a space within"] = (Post("Content-Length: 1 0", "hellohello"), BadRequest),
        ["Content-Length with a bare CR"] = (Post("Content-Length: 5\rX: y", "hello"), BadRequest),

        ["space before a colon"] = (Get("Host: {host}\r\nX-Field : value"), BadRequest),
        ["tab before a colon"] = (Get("Host: {host}\r\nX-Field\t: value"), BadRequest),
        ["folded line"] = (Get("Host: {host}\r\nX-Field: a\r\n b"), BadRequest),
        ["folded line with a tab"] = (Get("Host: {host}\r\nX-Field: a\r\n\tb"), BadRequest),
        ["space before the first field"] = (Get(" X-Field: a\r\nHost: {host}"), BadRequest),
        ["empty field name"] = (Get("Host: {host}\r\n: value"), BadRequest),
        ["field line without a colon"] = (Get("Host: {host}\r\nX-Field"), BadRequest),
        ["field name with a parenthesis"] = (Get("Host: {host}\r\nX(Field): value"), BadRequest),
        ["field name with a byte beyond ASCII"] = (Get("Host: {host}\r\nX-F\u00e9ld: value"), BadRequest),
        ["NUL in a value"] = (Get("Host: {host}\r\nX-Field: a\0b"), BadRequest),
        ["NUL in a name"] = (Get("Host: {host}\r\nX-Fi\0eld: a"), BadRequest),
        ["NUL in the target"] = ("GET /a\0b HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["bare CR in a value"] = (Get("Host: {host}\r\nX-Field: a\rb"), BadRequest),
        ["bare CR that hides a field"] = (Get("Host: {host}\r\nX-Field: a\rContent-Length: 5"), BadRequest),
        ["DEL in a value"] = (Get("Host: {host}\r\nX-Field: a\u007fb"), BadRequest),
        ["bare LF behind the request line"] = ("GET /a HTTP/1.1\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["bare LF behind a field"] = (Get("Host: {host}\r\nX-Field: a\nX-Other: b"), BadRequest),
        ["bare LF as the empty line"] = ("GET /a HTTP/1.1\r\nHost: {host}\r\n\n" + Smuggled, BadRequest),
        ["bare LF throughout"] = ("GET /a HTTP/1.1\nHost: {host}\n\n" + Smuggled, BadRequest),
        ["CR CR LF"] = (Get("Host: {host}\r\nX-Field: a\r\r\nX-Other: b"), BadRequest),

        ["Host missing"] = ("GET /a HTTP/1.1\r\nX-Field: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["Host repeated, the same"] = (Get("Host: {host}\r\nHost: {host}"), BadRequest),
        ["Host repeated, different"] = (Get("Host: {host}\r\nHost: other.example.com"), BadRequest),
        ["Host empty"] = (Get("Host:"), BadRequest),
        ["Host with a space"] = (Get("Host: {host} b"), BadRequest),
        ["Host with a path"] = (Get("Host: {host}/b"), BadRequest),
        ["Host with user information"] = (Get("Host: a@{host}"), BadRequest),
        ["Host with two ports"] = (Get("Host: {host}:80:80"), BadRequest),
        ["Host with a port that is no number"] = (Get("Host: {host}:port"), BadRequest),
        ["Host with a port beyond 65535"] = (Get("Host: {host}:65536"), BadRequest),
        ["Host as a list"] = (Get("Host: {host}, other.example.com"), BadRequest),
        ["Host with a query"] = (Get("Host: {host}?b"), BadRequest),
        ["Host with a fragment"] = (Get("Host: {host}#b"), BadRequest),
        ["Host with a backslash"] = (Get("Host: {host}\\b"), BadRequest),
        ["Host with a scheme"] = (Get("Host: http://{host}"), BadRequest),
        ["Host with a space before the colon"] = (Get("Host : {host}"), BadRequest),

        ["absolute-form against a Host that differs"] =
            ("GET http://{host}/a HTTP/1.1\r\nHost: other.example.com\r\n\r\n" + Smuggled, BadRequest),
        ["absolute-form that differs from the mapped Host"] =
            ("GET http://other.example.com/a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["absolute-form without a Host"] = ("GET http://{host}/a HTTP/1.1\r\n\r\n" + Smuggled, BadRequest),
        ["absolute-form with user information"] =
            ("GET http://a@{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["absolute-form without a host"] = ("GET http:///a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["target that is neither path nor address"] =
            ("GET smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),

        ["version with a trailing space"] = ("GET /a HTTP/1.1 \r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version in small letters"] = ("GET /a http/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version with a leading zero"] = ("GET /a HTTP/01.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version HTTP/1.10"] = ("GET /a HTTP/1.10\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version HTTP/2.0"] = ("GET /a HTTP/2.0\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version HTTP/0.9"] = ("GET /a HTTP/0.9\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version missing"] = ("GET /a\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["version of another protocol"] = ("GET /a HTTQ/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["two spaces before the target"] = ("GET  /a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["two spaces before the version"] = ("GET /a  HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["tab in the request line"] = ("GET\t/a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["space within the target"] = ("GET /a b HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadVersion),
        ["leading space"] = (" GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
        ["method that is no token"] = ("GE(T /a HTTP/1.1\r\nHost: {host}\r\n\r\n" + Smuggled, BadRequest),
    };

    /// <summary>What stands in a chunked body behind a first good chunk.</summary>
    private static readonly Dictionary<string, string> Chunks = new()
    {
        ["bare LF behind the size"] = "5\nsmugg\r\n0\r\n\r\n",
        ["bare CR behind the size"] = "5\rsmugg\r\n0\r\n\r\n",
        ["bare CR in an extension"] = "5;a=\rb\r\nsmugg\r\n0\r\n\r\n",
        ["bare LF in an extension"] = "5;a=\nb\r\nsmugg\r\n0\r\n\r\n",
        ["NUL in an extension"] = "5;a=\0b\r\nsmugg\r\n0\r\n\r\n",
        ["extension without a name"] = "5;\r\nsmugg\r\n0\r\n\r\n",
        ["extension that is no token"] = "5;b@d=1\r\nsmugg\r\n0\r\n\r\n",
        ["extension with a value that is no token"] = "5;a=b@d\r\nsmugg\r\n0\r\n\r\n",
        ["extension without its value"] = "5;a=\r\nsmugg\r\n0\r\n\r\n",
        ["extension with a quote that does not end"] = "5;a=\"b\r\nsmugg\r\n0\r\n\r\n",
        ["extension with a blank behind it"] = "5;a=b \r\nsmugg\r\n0\r\n\r\n",
        ["extension of the last chunk without a name"] = "5\r\nsmugg\r\n0;\r\n\r\n",
        ["space behind the size"] = "5 \r\nsmugg\r\n0\r\n\r\n",
        ["size 0x5"] = "0x5\r\nsmugg\r\n0\r\n\r\n",
        ["size +5"] = "+5\r\nsmugg\r\n0\r\n\r\n",
        ["size -5"] = "-5\r\nsmugg\r\n0\r\n\r\n",
        ["size empty"] = "\r\nsmugg\r\n0\r\n\r\n",
        ["size empty with an extension"] = ";a=b\r\nsmugg\r\n0\r\n\r\n",
        ["size of 17 digits"] = "10000000000000005\r\nsmugg\r\n0\r\n\r\n",
        ["size beyond 63 bits"] = "8000000000000005\r\nsmugg\r\n0\r\n\r\n",
        ["size of 20 digits"] = "ffffffffffffffffffff\r\nsmugg\r\n0\r\n\r\n",
        ["space before the size"] = " 5\r\nsmugg\r\n0\r\n\r\n",
        ["size that is no number"] = "g\r\nsmugg\r\n0\r\n\r\n",
        ["size with an underscore"] = "1_0\r\nsmugg\r\n0\r\n\r\n",
        ["no CRLF behind the data"] = "5\r\nsmugg0\r\n\r\n",
        ["bare LF behind the data"] = "5\r\nsmugg\n0\r\n\r\n",
        ["data longer than its size"] = "3\r\nsmuggled\r\n0\r\n\r\n",
        ["data shorter than its size"] = "7\r\nsmugg\r\n0\r\n\r\n",
        ["bare LF behind the last size"] = "0\n\r\n",
        ["bare LF as the end"] = "0\r\n\n",
        ["trailer on a folded line"] = "0\r\nX-Trailer: smuggled\r\n b\r\n\r\n",
        ["trailer with a space before the colon"] = "0\r\nX-Trailer : smuggled\r\n\r\n",
        ["trailer with a bare LF"] = "0\r\nX-Trailer: smuggled\nX-Other: b\r\n\r\n",
        ["trailer without a colon"] = "0\r\nsmuggled\r\n\r\n",
        ["trailer with a NUL"] = "0\r\nX-Trailer: smuggled\0\r\n\r\n",
    };

    public static TheoryData<string> HeadNames => [.. Heads.Keys];

    public static TheoryData<string> ChunkNames => [.. Chunks.Keys];

    [Theory]
    [MemberData(nameof(HeadNames))]
    public async Task An_ambiguous_head_is_refused_and_nothing_reaches_an_upstream(string name)
    {
        var (bytes, statuses) = Heads[name];
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send(bytes.Replace("{host}", domain));
        var refusal = await client.Read();
        Assert.True(statuses.Contains(refusal.Status), $"answered {refusal.Head.StartLine}: {refusal.Text}");
        await client.ReadEnd();
        Assert.Equal("", upstream.Received);

        await ExpectCleanAnswer(domain);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
        Assert.Empty(upstream.Malformed);
    }

    [Theory]
    [MemberData(nameof(ChunkNames))]
    public async Task A_malformed_chunk_ends_both_connections_before_it_reaches_the_upstream(string name)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /a HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        await client.Send(Chunks[name] + Smuggled.Replace("{host}", domain));
        await ExpectRefusalOrClose(client);

        await ExpectCleanAnswer(domain);
        // The head and the good chunk may have gone through before the error showed. What was malformed, and what
        // stood behind it, did not: the request never became whole, and its connection served nobody else.
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        foreach (var used in upstream.Connections.Where(connection => connection.Received.Contains("/a ")))
        {
            Assert.DoesNotContain("smuggled", used.Received);
            Assert.DoesNotContain("/clean", used.Received);
            await Wait.Until(() => used.Reader.End != null, "the end of the upstream connection with half a request");
        }
        Assert.Empty(upstream.Malformed);
    }

    [Fact]
    public async Task A_malformed_chunk_size_that_comes_a_byte_at_a_time_is_refused_too()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /a HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n");
        foreach (var oneByte in "5\r")
            await client.Send(oneByte.ToString());
        await client.Send("Xello\r\n0\r\n\r\n");
        await ExpectRefusalOrClose(client);

        await ExpectCleanAnswer(domain);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("Xello", upstream.Received);
    }

    [Fact]
    public async Task An_ambiguous_request_behind_a_good_one_is_refused_after_the_good_one_is_answered()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET /good HTTP/1.1\r\nHost: {domain}\r\n\r\n"
            + Post("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n").Replace("{host}", domain));

        Assert.Equal("GET /good", (await client.Read()).Text);
        Assert.Equal(400, (await client.Read()).Status);
        await client.ReadEnd();
        await ExpectCleanAnswer(domain);
        Assert.Equal(["GET /good", "GET /clean"], upstream.RequestLines);
    }

    [Fact]
    public async Task White_space_around_chunked_is_not_part_of_it()
    {
        // RFC 9110 5.5: blanks and tabs around a value are no part of it. The body is read as chunked, or the
        // request is refused; it is never read as anything else.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /a HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding:\tChunked \t\r\n\r\n"
            + "5\r\nhello\r\n0\r\n\r\n");
        var response = await client.Read();

        Assert.True(response is { Status: 400 } or { Text: "POST /a hello" }, response.Head.StartLine + response.Text);
        Assert.Empty(upstream.Malformed);
    }

    [Fact]
    public async Task A_body_behind_an_upgrade_that_is_refused_is_a_body_and_no_request()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        var smuggled = Smuggled.Replace("{host}", domain);

        await client.Send($"POST /up HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n"
            + $"Content-Length: {smuggled.Length}\r\n\r\n{smuggled}");
        var response = await client.Read();

        Assert.Equal(200, response.Status);
        Assert.Equal(smuggled, upstream.Requests[0].Text);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
        await ExpectCleanAnswer(domain);
        Assert.Equal(["POST /up", "GET /clean"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_chunked_body_behind_an_upgrade_is_a_body_and_never_a_tunnel()
    {
        await using var upstream = TestUpstream.Echoing();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /up HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        var response = await client.Read();

        Assert.True(response is { Status: 400 } or { Text: "POST /up hello" }, response.Head.StartLine);
        Assert.DoesNotContain(upstream.Requests, request => request.WantsUpgrade);
    }

    [Fact]
    public async Task Bytes_behind_an_upgrade_that_the_upstream_refuses_never_reach_it_raw()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET /up HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n"
            + "\u0081\u0005smuggled bytes");
        using var connection = await upstream.Accept();
        var request = await connection.ExpectRequest();
        Assert.Equal("bytes", request.Fields["Upgrade"]);
        await Wait.ToSeeThatNothingHappens();
        Assert.Equal(0, connection.Socket.Available);
        await connection.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");

        Assert.Equal("no", (await client.Read()).Text);
        await ExpectRefusalOrClose(client);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Fact]
    public async Task A_request_behind_an_upgrade_that_the_upstream_refuses_is_at_most_a_request_of_its_own()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET /up HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n"
            + Smuggled.Replace("{host}", domain));
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await Wait.ToSeeThatNothingHappens();
        Assert.Equal(0, connection.Socket.Available);
        await connection.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        connection.HalfClose();

        Assert.Equal("no", (await client.Read()).Text);
        // What was behind it may be dropped with the connection, or be parsed, checked and forwarded as any request
        // is; then it carries hotcore's own fields. It is never passed on as bytes.
        await connection.ExpectEnd();
        Assert.DoesNotContain("smuggled", connection.Received);
    }

    [Fact]
    public async Task Connect_is_refused_and_opens_no_tunnel()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"CONNECT {domain}:80 HTTP/1.1\r\nHost: {domain}:80\r\n\r\n" + Smuggled.Replace("{host}", domain));
        var response = await client.Read();

        Assert.True(response.Status is 400 or 405 or 501, response.Head.StartLine);
        Assert.Equal("", upstream.Received);
    }

    private static string Get(string fields) => $"GET /a HTTP/1.1\r\n{fields}\r\n\r\n{Smuggled}";

    private static string Post(string fields, string body) =>
        $"POST /a HTTP/1.1\r\nHost: {{host}}\r\n{fields}\r\n\r\n{body}{Smuggled}";

    /// <summary>A second client, after the first one's attempt, gets its own answer.</summary>
    private async Task ExpectCleanAnswer(string domain)
    {
        var response = await Hotcore.Get(domain, "/clean");
        Assert.Equal(200, response.Status);
        Assert.Equal("GET /clean", response.Text);
    }

    private static async Task ExpectRefusalOrClose(RawClient client)
    {
        if (await client.Reader.ReadHead() is not { } head)
            return;
        Assert.Equal(400, head.Status);
        await client.BodyOf(head).ReadAll();
        await client.ReadEnd();
    }
}

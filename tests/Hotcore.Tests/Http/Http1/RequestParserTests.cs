using Xunit;

namespace Hotcore.Http.Http1;

public sealed class RequestParserTests
{
    private const string Host = "Host: a.com\r\n";

    public static readonly TheoryData<string> Accepted =
    [
        "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nhOST:a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \t a.com \t\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a.com\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.9\r\nHost: a.com\r\n\r\n",
        "M-SEARCH /a?b=%20&c[]=\"<>\\^`{|} HTTP/1.1\r\nHost: a.com:8080\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http://a.com/x HTTP/1.1\r\nHost: A.com\r\n\r\n",
        "GET HTTPS://a.com HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http://a.com:80?q HTTP/1.1\r\nHost: a.com:80\r\n\r\n",
        "GET http://a.com/ HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nEmpty:\r\nObs: \x80\xFF\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 9223372036854775799\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: CHUNKED\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
    ];

    public static readonly TheoryData<string> Refused =
    [
        // Line ends and control characters.
        "GET / HTTP/1.1\nHost: a.com\n\n",
        "GET / HTTP/1.1\r\nHost: a.com\n\r\n",
        "GET / HTTP/1.1\rHost: a.com\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\0c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\x7F\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\x0B\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\r\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a.com\r\n\r\n",
        // The request line.
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a.com\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a.com\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET\t/\tHTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /\t HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /#a HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /\xE4 HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "G\xC9T / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /\r\nHost: a.com\r\n\r\n",
        "GET / http/1.1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1,1\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/11\r\nHost: a.com\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET a.com HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET ?a HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET ftp://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http:/a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        // Fields.
        "GET / HTTP/1.1\r\nHost : a.com\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA: b\r\n\tc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nA\0: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\n\xC4: b\r\n\r\n",
        // The host.
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nHost: a.com\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a.com\r\nhost: b.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com, b.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com b.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com/\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: http://a.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com:80:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com:+80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com:65536\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
        "GET http://b.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http://a.com:81/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http:/// HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http://user@a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET http://a.com/ HTTP/1.1\r\n\r\n",
        // Framing.
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: ,chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5, 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5;\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
    ];

    [Theory]
    [MemberData(nameof(Accepted))]
    public void What_the_grammar_allows_is_accepted(string text)
    {
        var request = ParsedRequest.Parse(text);

        Assert.Equal(ParseStatus.Complete, request.Status);
        Assert.Equal(text.Length, request.HeadLength);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_could_be_read_in_two_ways_is_refused(string text)
    {
        var request = ParsedRequest.Parse(text);

        Assert.Equal((ParseStatus.Invalid, 400), (request.Status, request.Refusal));
    }

    [Theory]
    [InlineData("GET / HTTP/2.0\r\nHost: a.com\r\n\r\n", 505)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)]
    [InlineData("GET / HTTP/0.9\r\n\r\n", 505)]
    [InlineData("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n", 405)]
    [InlineData("CONNECT * HTTP/1.1\r\nHost: a.com\r\n\r\n", 405)]
    [InlineData("CONNECT http://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n", 405)]
    public void What_hotcore_does_not_serve_is_refused_with_a_status_of_its_own(string text, int status) =>
        Assert.Equal((ParseStatus.Invalid, status), Outcome(text));

    // An upstream's 2xx to it would have no body, whatever its fields say (RFC 9112 6.3).
    [Theory]
    [InlineData(64, " / HTTP/1.1\r\nHost: a.com\r\n\r\n", 0)]
    [InlineData(65, " / HTTP/1.1\r\nHost: a.com\r\n\r\n", 501)]
    [InlineData(65, "", 501)]
    [InlineData(65, " / HTTQ/1.1\r\n", 501)]
    [InlineData(20_000, "", 501)]
    [InlineData(20_000, " / HTTP/1.1\r\nHost: a.com\r\n\r\n", 501)]
    [InlineData(64, "\u0001", 400)]
    public void A_method_may_have_64_octets_whatever_else_is_long(int length, string rest, int refusal) =>
        Assert.Equal(refusal, ParsedRequest.Parse(new string('M', length) + rest).Refusal);

    [Fact]
    public void A_long_target_behind_a_method_is_what_is_too_long() =>
        Assert.Equal(414, ParsedRequest.Parse("GET /" + new string('a', 20_000)).Refusal);

    [Fact]
    public void A_CONNECT_is_refused_even_with_a_path() =>
        Assert.Equal((ParseStatus.Invalid, 405), Outcome("CONNECT /a HTTP/1.1\r\nHost: a.com\r\n\r\n"));

    [Fact]
    public void What_is_understood_is_what_was_sent()
    {
        var request = ParsedRequest.Parse(
            "POST /a?b HTTP/1.1\r\nHost: A.com.:80\r\nX-One:  1 \r\nContent-Length: 05\r\nConnection: close, X-One\r\n\r\nhello");

        Assert.Equal(
            new ParsedRequest(
                ParseStatus.Complete, 0, 104, "POST", "/a?b", "A.com.:80", "A.com", 1, BodyFraming.Length, 5, false, true, false,
                "Host=A.com.:80\nX-One=1\nContent-Length=05\nConnection=close, X-One"),
            request with { HeadLength = 104 });
    }

    [Theory]
    [InlineData("GET http://a.com/x?y HTTP/1.1\r\nHost: a.com\r\n\r\n", "/x?y")]
    [InlineData("GET http://a.com HTTP/1.1\r\nHost: a.com\r\n\r\n", "/")]
    [InlineData("GET http://a.com?y HTTP/1.1\r\nHost: a.com\r\n\r\n", "?y")]
    [InlineData("OPTIONS http://a.com HTTP/1.1\r\nHost: a.com\r\n\r\n", "*")]
    [InlineData("GET http://a.com:80/x HTTP/1.1\r\nHost: a.com\r\n\r\n", "/x")]
    [InlineData("GET http://a.com/x HTTP/1.1\r\nHost: a.com:80\r\n\r\n", "/x")]
    [InlineData("GET https://a.com:/x HTTP/1.1\r\nHost: a.com:443\r\n\r\n", "/x")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n", "*")]
    public void An_absolute_target_becomes_what_the_app_expects(string text, string target) =>
        Assert.Equal(("a.com", target), (ParsedRequest.Parse(text).Host, ParsedRequest.Parse(text).Target));

    [Theory]
    [InlineData("HTTP/1.1", "", true)]
    [InlineData("HTTP/1.1", "Connection: close\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: keep-alive, CLOSE\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: x\r\nConnection: Close\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: closed\r\n", true)]
    [InlineData("HTTP/1.0", "", false)]
    [InlineData("HTTP/1.0", "Connection: Keep-Alive\r\n", true)]
    [InlineData("HTTP/1.0", "Connection: keep-alive, close\r\n", false)]
    public void A_connection_persists_as_its_version_and_options_say(string version, string fields, bool persists) =>
        Assert.Equal(persists, ParsedRequest.Parse($"GET / {version}\r\n{Host}{fields}\r\n").IsPersistent);

    [Theory]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", true)]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n", true)]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade:\r\n", false)]
    [InlineData("HTTP/1.1", "Upgrade: a\r\nUpgrade: b\r\nConnection: Upgrade\r\n", false)]
    [InlineData("HTTP/1.1", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n", false)]
    [InlineData("HTTP/1.1", "Upgrade: websocket, H2C\r\nConnection: Upgrade\r\n", false)]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n", true)]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n", false)]
    [InlineData("HTTP/1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false)]
    public void An_upgrade_is_one_protocol_asked_for_without_a_body(string version, string fields, bool isWanted) =>
        Assert.Equal(isWanted, ParsedRequest.Parse($"GET / {version}\r\n{Host}{fields}\r\n").WantsUpgrade);

    [Theory]
    [InlineData(RequestParser.MostRequestLineBytes, 0)]
    [InlineData(RequestParser.MostRequestLineBytes + 1, 414)]
    public void A_request_line_may_have_16_KiB(int length, int refusal)
    {
        var line = "GET /" + new string('a', length - "GET / HTTP/1.1".Length) + " HTTP/1.1";

        AssertAlways(refusal, $"{line}\r\n{Host}\r\n");
    }

    [Theory]
    [InlineData(RequestParser.MostFieldSectionBytes, 0)]
    [InlineData(RequestParser.MostFieldSectionBytes + 1, 431)]
    public void A_field_section_may_have_32_KiB(int length, int refusal)
    {
        var padding = new string('v', length - Host.Length - "A: \r\n\r\n".Length);

        AssertAlways(refusal, $"GET / HTTP/1.1\r\n{Host}A: {padding}\r\n\r\n");
    }

    [Theory]
    [InlineData(128, 0)]
    [InlineData(129, 431)]
    public void A_request_may_have_128_fields(int count, int refusal) =>
        AssertAlways(
            refusal,
            "GET / HTTP/1.1\r\n" + Host + string.Concat(Enumerable.Range(1, count - 1).Select(n => $"A{n}: b\r\n")) + "\r\n");

    [Theory]
    [InlineData("GET /", 'a', 414)]
    [InlineData("", 'a', 501)]
    [InlineData("GET / HTTP/1.1\r\nHost: a.com\r\nA: ", 'a', 431)]
    [InlineData("GET / HTTP/1.1\r\nHost: a.com\r\n", 'a', 431)]
    public void A_line_without_end_is_refused_before_it_fills_a_buffer(string begin, char endless, int refusal)
    {
        var text = begin + new string(endless, 60 * 1024);

        Assert.Equal((ParseStatus.Invalid, refusal), Outcome(text));
        Assert.Equal((ParseStatus.Invalid, refusal), Outcome(text, Pieces(1000)));
    }

    [Fact]
    public void Where_the_pieces_are_cut_changes_nothing()
    {
        foreach (var text in Accepted.Concat(Refused).Select(row => row.Data + "and a body\r\n\r\n"))
        {
            var whole = ParsedRequest.Parse(text);
            Assert.Equal(whole, ParsedRequest.Parse(text, Wire.ByteByByte));
            for (var split = 1; split < text.Length; split++)
                Assert.Equal(whole, ParsedRequest.Parse(text, Wire.SplitAt(split)));
        }
    }

    [Fact]
    public void A_head_that_is_cut_off_is_never_complete()
    {
        foreach (var text in Accepted.Select(row => row.Data))
        {
            for (var length = 0; length < text.Length; length++)
                Assert.Equal(ParseStatus.NeedMore, ParsedRequest.Parse(text[..length]).Status);
        }
    }

    [Fact]
    public void Generated_requests_are_understood_as_they_were_meant() => Cases.Check(
        GeneratedRequest.Create,
        request =>
        {
            var bytes = Wire.Bytes(request.Text + "GET /next");
            var parsed = ParsedRequest.Parse(bytes);
            Assert.Equal(request.Meaning, parsed);
            Assert.Equal(parsed, ParsedRequest.Parse(bytes, Wire.RandomPieces(bytes.Length)));
        });

    [Fact]
    public void Damaged_requests_are_judged_as_a_simple_reference_judges_them() => Cases.Check(
        random => Cases.Mutate(random, Wire.Bytes(GeneratedRequest.CreateDubious(random))),
        bytes =>
        {
            var parsed = ParsedRequest.Parse(bytes);
            Assert.Equal(parsed, ParsedRequest.Parse(bytes, Wire.RandomPieces(bytes.Length)));
            Assert.Equal(ReferenceRequest.IsAcceptable(Wire.Text(bytes)), parsed.Status == ParseStatus.Complete);
            if (parsed.Status == ParseStatus.Complete)
                AssertUnambiguous(parsed, Wire.Text(bytes.AsSpan(0, parsed.HeadLength)));
        });

    [Fact]
    public void Noise_is_never_a_request() => Cases.Check(
        random => Cases.Noise(random, 2000),
        bytes =>
        {
            var parsed = ParsedRequest.Parse(bytes);
            Assert.NotEqual(ParseStatus.Complete, parsed.Status);
            Assert.Equal(parsed, ParsedRequest.Parse(bytes, Wire.RandomPieces(bytes.Length)));
        });

    private static void AssertUnambiguous(ParsedRequest parsed, string head)
    {
        Assert.EndsWith("\r\n\r\n", head);
        var names = parsed.Fields.Split('\n').Select(line => line.Split('=')[0].ToLowerInvariant()).ToList();
        var framings = names.Count(n => n is "content-length" or "transfer-encoding");
        Assert.Equal(parsed.Framing == BodyFraming.None ? 0 : 1, framings);
        Assert.Equal(names.Contains("content-length"), parsed.Framing == BodyFraming.Length);
        Assert.True(names.Count(n => n == "host") == 1 || parsed.MinorVersion == 0);
        Assert.StartsWith(parsed.Host, parsed.Authority);
        Assert.True(parsed.Host.Length > 0 || !names.Contains("host"));
    }

    private static (ParseStatus, int) Outcome(string text, Func<int>? nextPiece = null)
    {
        var request = ParsedRequest.Parse(text, nextPiece);
        return (request.Status, request.Refusal);
    }

    private static void AssertAlways(int refusal, string text)
    {
        var expected = (refusal == 0 ? ParseStatus.Complete : ParseStatus.Invalid, refusal);
        Assert.Equal(expected, Outcome(text));
        Assert.Equal(expected, Outcome("\r\n" + text));
        Assert.Equal(expected, Outcome(text, Pieces(1)));
        Assert.Equal(expected, Outcome(text + "body", Pieces(777)));
    }

    /// <summary>Small pieces, but not through the first kilobytes, which would take long and show nothing new.</summary>
    private static Func<int> Pieces(int size)
    {
        var isFirst = true;
        return () =>
        {
            var piece = isFirst && size == 1 ? 16_000 : size == 1 ? 97 : size;
            isFirst = false;
            return piece;
        };
    }
}

using Xunit;

namespace Hotcore.Http.Http2;

public sealed class Http2RequestRulesTests
{
    private static readonly string[] Get = [":method: GET", ":scheme: https", ":authority: a.com", ":path: /"];

    [Fact]
    public void A_request_is_read_as_HTTP_1_1_would_have_said_it()
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode(
            ":method: GET", ":path: /a?b", ":authority: A.com:8443", ":scheme: https", "accept: */*", "x-one: 1"));

        Assert.True(request.IsValid);
        Assert.Equal(("GET", "/a?b", "A.com:8443", "A.com"), (request.Method, request.Target, request.Authority, request.Host));
        Assert.Equal(["accept: */*\r\n", "x-one: 1\r\n"], request.Lines);
        Assert.Equal(BodyFraming.None, request.Head.Framing);
    }

    [Theory]
    [InlineData(true, "", "None")]
    [InlineData(true, "content-length: 0", "Length")]
    [InlineData(false, "content-length: 5", "Length")]
    [InlineData(false, "", "Chunked")]
    public void A_body_is_framed_by_its_length_or_by_its_end(bool endsStream, string line, string framing)
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode(line == "" ? Get : [.. Get, line]), endsStream);

        Assert.True(request.IsValid);
        Assert.Equal(framing, request.Head.Framing.ToString());
    }

    [Fact]
    public void Host_counts_where_there_is_no_authority()
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode(":method: GET", ":scheme: http", ":path: /", "host: b.com"));

        Assert.True(request.IsValid);
        Assert.Equal("b.com", request.Host);
    }

    [Theory]
    [InlineData("https", "a.com:443", "a.com", true)]
    [InlineData("https", "a.com", "A.com:443", true)]
    [InlineData("http", "a.com:80", "a.com", true)]
    [InlineData("http", "a.com", "a.com:", true)]
    [InlineData("https", "a.com:80", "a.com", false)]
    [InlineData("http", "a.com:443", "a.com", false)]
    [InlineData("https", "a.com:444", "a.com", false)]
    public void A_port_that_goes_without_saying_makes_no_other_host(string scheme, string authority, string host, bool isSame) =>
        Assert.Equal(isSame, RequestBlocks.Read(RequestBlocks.Encode(
            ":method: GET", $":scheme: {scheme}", $":authority: {authority}", ":path: /", $"host: {host}")).IsValid);

    [Theory]
    [InlineData(64, 0)]
    [InlineData(65, 501)]
    public void A_method_may_have_64_octets(int length, int status)
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode(
            $":method: {new string('M', length)}", ":scheme: https", ":authority: a.com", ":path: /"));

        Assert.Equal((true, status), (request.IsValid, request.Refusal?.Status ?? 0));
    }

    [Fact]
    public void Cookies_become_one_line()
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode([.. Get, "cookie: a=1", "accept: */*", "cookie: b=2", "cookie: c=3"]));

        Assert.Equal(["accept: */*\r\n", "cookie: a=1; b=2; c=3\r\n"], request.Lines);
    }

    [Fact]
    public void An_extended_CONNECT_to_websocket_looks_like_an_upgrade()
    {
        var request = RequestBlocks.Read(
            RequestBlocks.Encode(
                ":method: CONNECT", ":protocol: WebSocket", ":scheme: https", ":authority: a.com", ":path: /chat",
                "sec-websocket-key: AAAA", "expect: 100-continue", "origin: b"),
            endsStream: false);

        Assert.True(request.IsValid);
        Assert.Equal(("GET", "/chat", true), (request.Method, request.Target, request.Head.WantsUpgrade));
        Assert.False(request.Head.HasBody);
        Assert.Equal(["origin: b\r\n", "upgrade: WebSocket\r\n", $"sec-websocket-key: {RequestBlocks.Key}\r\n"], request.Lines);
    }

    [Theory]
    [InlineData("connect-udp")]
    [InlineData("h2c")]
    public void An_extended_CONNECT_to_another_protocol_is_refused(string protocol)
    {
        var request = RequestBlocks.Read(
            RequestBlocks.Encode(
                ":method: CONNECT", $":protocol: {protocol}", ":scheme: https", ":authority: a.com", ":path: /chat"),
            endsStream: false);

        Assert.True(request.IsValid);
        Assert.Equal(501, request.Refusal!.Status);
    }

    [Fact]
    public void A_plain_CONNECT_is_refused()
    {
        var request = RequestBlocks.Read(RequestBlocks.Encode(":method: CONNECT", ":authority: a.com:443"), endsStream: false);

        Assert.True(request.IsValid);
        Assert.Equal(405, request.Refusal!.Status);
    }

    [Theory]
    [InlineData(":method: GET|:scheme: https|:authority: a.com")]
    [InlineData(":method: GET|:path: /|:authority: a.com")]
    [InlineData(":scheme: https|:path: /|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /")]
    [InlineData(":method: GET|:method: GET|:scheme: https|:path: /|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:path: /|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|accept: a|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com|:status: 200")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com|:other: 1")]
    [InlineData(":method: GET|:scheme: ftp|:path: /|:authority: a.com")]
    [InlineData(":method: G T|:scheme: https|:path: /|:authority: a.com")]
    [InlineData(":method: |:scheme: https|:path: /|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: |:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: a|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: *|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: http://a.com/|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /a b|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: / HTTP/1.1\\r\\nX: y|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /#a|:authority: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: user@a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com, b.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com|host: b.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|host: a.com|host: a.com")]
    [InlineData(":method: GET|:scheme: https|:path: /|:authority: a.com|:protocol: websocket")]
    [InlineData(":method: CONNECT|:scheme: https|:path: /|:authority: a.com")]
    [InlineData(":method: CONNECT|:protocol: websocket|:path: /|:authority: a.com")]
    [InlineData("#|connection: close")]
    [InlineData("#|keep-alive: 1")]
    [InlineData("#|proxy-connection: close")]
    [InlineData("#|transfer-encoding: chunked")]
    [InlineData("#|upgrade: websocket")]
    [InlineData("#|te: gzip")]
    [InlineData("#|te: trailers, gzip")]
    [InlineData("#|Accept: a")]
    [InlineData("#|a b: c")]
    [InlineData("#|a:b: c")]
    [InlineData("#|x: a\\r\\nb")]
    [InlineData("#|x: a\\nb")]
    [InlineData("#|x: a\\0b")]
    [InlineData("#|x:  a")]
    [InlineData("#|x: a ")]
    [InlineData("#|content-length: 1|content-length: 1")]
    [InlineData("#|content-length: 1, 1")]
    [InlineData("#|content-length: +1")]
    [InlineData("#|content-length: 99999999999999999999")]
    public void What_HTTP_1_1_could_read_otherwise_is_malformed(string lines)
    {
        var request = RequestBlocks.Read(
            RequestBlocks.Encode(lines.Replace("#", string.Join('|', Get)).Split('|')), endsStream: false);

        Assert.False(request.IsValid);
        Assert.NotEqual(FieldBlockStatus.Undecodable, request.Status);
    }

    [Fact]
    public void A_request_without_a_body_announces_none() =>
        Assert.False(RequestBlocks.Read(RequestBlocks.Encode([.. Get, "content-length: 1"])).IsValid);

    [Fact]
    public void The_field_section_has_128_fields_or_fewer()
    {
        var most = Enumerable.Range(0, 128).Select(i => $"x-{i}: 1").ToArray();

        Assert.True(RequestBlocks.Read(RequestBlocks.Encode([.. Get, .. most])).IsValid);
        Assert.Equal(FieldBlockStatus.TooLarge, RequestBlocks.Read(RequestBlocks.Encode([.. Get, .. most, "y: 1"])).Status);
    }

    [Fact]
    public void The_field_section_has_32_KiB_or_less()
    {
        var most = new string('a', 32 * 1024 - 1 - 32);

        Assert.True(RequestBlocks.Read(RequestBlocks.Encode([.. Get, $"x: {most}"])).IsValid);
        Assert.Equal(FieldBlockStatus.TooLarge, RequestBlocks.Read(RequestBlocks.Encode([.. Get, $"x: {most}a"])).Status);
    }

    [Fact]
    public void A_long_path_is_told_from_a_long_section()
    {
        var request = RequestBlocks.Read(
            RequestBlocks.Encode(":method: GET", ":scheme: https", ":authority: a.com", $":path: /{new string('a', 16 * 1024)}"));

        Assert.Equal(FieldBlockStatus.TooLarge, request.Status);
        Assert.True(request.Block.HasLongPath);
    }

    [Fact]
    public void A_block_that_unpacks_to_more_than_anybody_means_is_a_bomb()
    {
        // A field of 4,000 octets goes into the table, and is then named a hundred times (RFC 7541 6.1).
        byte[] block = [0x40, 1, (byte)'x', 127, .. Number(4000 - 127), .. Enumerable.Repeat((byte)'a', 4000), .. Enumerable.Repeat((byte)0xBE, 100)];

        Assert.Equal(FieldBlockStatus.Bomb, RequestBlocks.Read(block).Status);
        static byte[] Number(int rest) => [(byte)((rest & 127) | 128), (byte)(rest >> 7)];
    }

    [Fact]
    public void Whatever_comes_no_line_of_a_head_holds_what_HTTP_1_1_would_take_for_two()
    {
        var valid = RequestBlocks.Encode([.. Get, "cookie: a=1", "cookie: b=2", "accept: text/html", "x-one: two"]);
        Cases.Check(random => Cases.Mutate(random, valid), block =>
        {
            var request = RequestBlocks.Read(block);
            if (!request.IsValid || request.Refusal is not null)
                return;
            Assert.DoesNotContain(request.Target, c => c <= ' ');
            Assert.All(request.Lines, line =>
            {
                Assert.EndsWith("\r\n", line);
                Assert.DoesNotContain(line[..^2], c => c is '\r' or '\n' or '\0');
                Assert.Matches("^[^:\\s]+: ", line);
            });
        });
    }
}

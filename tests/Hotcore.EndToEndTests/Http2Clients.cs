using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests;

/// <summary>curl, over HTTP/2.</summary>
public class Http2Clients(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>With prior knowledge, and over TLS by ALPN.</summary>
    public static TheoryData<ClientKind> BothWays => [ClientKind.Http2, ClientKind.Http2OverTls];

    [Theory]
    [MemberData(nameof(BothWays))]
    public async Task Curl_speaks_HTTP_2(ClientKind kind)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Over(kind, Hotcore, domain, "/page?query=1", "-w", "|%{http_version}|%{http_code}");

        Assert.Equal("GET /page?query=1|2|200", finished.Output.Trim());
        Assert.StartsWith("127.0.0.1", Assert.Single(upstream.Requests).Fields["X-Forwarded-For"]);
    }

    [Fact]
    public async Task Curl_that_offers_an_upgrade_to_HTTP_2_is_answered_over_HTTP_1_1()
    {
        // RFC 9113 3.1: h2c by upgrade is no more. An upstream that took it would speak past hotcore.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Over(ClientKind.Http1, Hotcore, domain, "/", "--http2", "-w", "|%{http_version}");

        Assert.Equal("GET /|1.1", finished.Output.Trim());
        var request = Assert.Single(upstream.Requests);
        Assert.False(request.Fields.Has("Upgrade"));
        Assert.False(request.Fields.Has("HTTP2-Settings"));
    }

    [Theory]
    [MemberData(nameof(BothWays))]
    public async Task Curl_posts_and_gets_back_what_it_posted(ClientKind kind)
    {
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        using var folder = new TemporaryFolder();
        var upload = folder.Write("upload", content);
        var answer = folder.Path("answer");
        await using var app = await RealApp.StartNode();
        var domain = await Hotcore.AddNewDomain(app.Port);

        foreach (var how in new string[][]
        {
            ["--data-binary", $"@{upload}"],
            // No length is known, then.
            ["--data-binary", $"@{upload}", "-H", "Content-Length:"],
            ["--data-binary", $"@{upload}", "-H", "Expect: 100-continue"],
            ["-T", upload],
        })
        {
            var finished = await Curl.Over(kind, Hotcore, domain, "/", [.. how, "-o", answer, "-w", "%{http_code}"]);
            Assert.Equal("200", finished.Output.Trim());
            Assert.Equal(content, await File.ReadAllBytesAsync(answer));
        }
    }

    [Theory]
    [MemberData(nameof(BothWays))]
    public async Task Curl_downloads_files_and_ranges_of_them(ClientKind kind)
    {
        var content = RandomNumberGenerator.GetBytes(20_000_000);
        using var folder = new TemporaryFolder();
        var answer = folder.Path("answer");
        await using var nginx = await RealApp.StartNginx(
            of => File.WriteAllBytes(Path.Combine(of.FullName, "files", "file.bin"), content));
        var domain = await Hotcore.AddNewDomain(nginx.Port);

        await Curl.Over(kind, Hotcore, domain, "/files/file.bin", "-o", answer);
        Assert.Equal(content, await File.ReadAllBytesAsync(answer));
        await Curl.Over(kind, Hotcore, domain, "/files/file.bin", "-o", answer, "-r", "1000000-1999999");
        Assert.Equal(content[1_000_000..2_000_000], await File.ReadAllBytesAsync(answer));
        var head = await Curl.Over(kind, Hotcore, domain, "/files/file.bin", "--head");
        Assert.StartsWith("HTTP/2 200", head.Output);
        Assert.Contains("content-length: 20000000", head.Output);
    }

    [Fact]
    public async Task Curl_gets_many_at_once_over_one_connection()
    {
        // Over TLS alone: curl 7.88 cannot share a connection that it began with prior knowledge.
        await using var nginx = await RealApp.StartNginx();
        var domain = await Hotcore.AddNewDomain(nginx.Port);

        var finished = await Curl.Over(
            ClientKind.Http2OverTls, Hotcore, domain, "/[1-300]", "--parallel", "--parallel-max", "100",
            "-w", "|%{http_version} %{http_code} %{num_connects}|");

        foreach (var number in Enumerable.Range(1, 300))
            Assert.Contains($"GET /{number} {domain}", finished.Output);
        Assert.Equal(300, Regex.Count(finished.Output, @"\|2 200 [01]\|"));
        Assert.Equal(1, Regex.Count(finished.Output, @"\|2 200 1\|"));
    }

    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task Early_hints_of_an_HTTP_1_1_app_reach_curl(ClientKind kind)
    {
        await using var upstream = TestUpstream.Answering(_ =>
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX-Hint: one\r\n\r\n"
            + "HTTP/1.1 103 Early Hints\r\nX-Hint: two\r\n\r\n" + Answers.Ok("final"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Over(kind, Hotcore, domain, "/", "--include");

        Assert.Matches(
            @"^HTTP/[12.]+ 103[^\n]*\n(.*\n)*?link: </style.css>; rel=preload\n(.*\n)*?"
            + @"HTTP/[12.]+ 103[^\n]*\n(.*\n)*?x-hint: two\n(.*\n)*?HTTP/[12.]+ 200[^\n]*\n(.*\n)*?\nfinal",
            finished.Output.Replace("Link:", "link:").Replace("X-Hint:", "x-hint:"));
    }

    [Theory]
    [MemberData(nameof(BothWays))]
    public async Task Curl_gets_the_trailers_of_an_HTTP_1_1_app(ClientKind kind)
    {
        await using var upstream = TestUpstream.Answering(_ =>
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Over(kind, Hotcore, domain, "/", "--include");

        // The trailer stands behind the body.
        Assert.Matches(@"\n\nhello\n*x-sum: 42", finished.Output);
        Assert.DoesNotContain("transfer-encoding", finished.Output);
    }

    [Theory]
    [MemberData(nameof(BothWays))]
    public async Task Curl_gets_what_hotcore_itself_says(ClientKind kind)
    {
        // Under localhost, so that there is a certificate for a name that is not mapped.
        const string domain = "nobody.localhost";

        var finished = await Curl.Over(kind, Hotcore, domain, "/", "-w", "|%{http_version}|%{http_code}");

        Assert.Contains(domain, finished.Output);
        Assert.EndsWith("|2|404", finished.Output.Trim());
    }

    [Fact]
    public async Task A_name_that_is_not_the_handshakes_is_misdirected()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var other = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Over(
            ClientKind.Http2OverTls, Hotcore, domain, "/", "-H", $"Host: {other}", "-o", "/dev/null", "-w", "%{http_code}");

        Assert.Equal("421", finished.Output.Trim());
        Assert.Empty(upstream.Requests);
    }
}

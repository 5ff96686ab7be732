using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>Clients that were not written for these tests: curl, nghttp, h2load.</summary>
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

    [Fact]
    public async Task Nghttp_gets_many_over_one_connection()
    {
        await using var nginx = await RealApp.StartNginx();
        var domain = await Hotcore.AddNewDomain(nginx.Port);

        var output = await Nghttp.Run(Hotcore, domain, Enumerable.Range(1, 50).Select(number => $"/{number}"));

        Assert.Equal(50, Regex.Count(output, @"recv \(stream_id=\d+[^)]*\) :status: 200"));
        foreach (var number in Enumerable.Range(1, 50))
            Assert.Contains($"GET /{number} {domain}", output);
    }

    [Fact]
    public async Task Hotcore_states_its_limits_in_its_settings()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var output = await Nghttp.Run(Hotcore, domain, ["/"]);

        // RFC 9113 6.5.2 recommends at least 100.
        var streams = Regex.Match(output, @"recv SETTINGS frame(.*\n)*?.*SETTINGS_MAX_CONCURRENT_STREAMS\(0x03\):(\d+)");
        Assert.InRange(int.Parse(streams.Groups[2].Value), 100, 1000);
        Assert.Matches(@"SETTINGS_MAX_HEADER_LIST_SIZE\(0x06\):\d+", output);
        // RFC 8441 3: a client may then ask for a WebSocket.
        Assert.Matches(@"\(0x08\):1\b", output);
    }

    [Fact]
    public async Task Nghttp_uploads_a_file()
    {
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        using var folder = new TemporaryFolder();
        var upload = folder.Write("upload", content);
        await using var upstream = TestUpstream.Answering(
            request => Answers.Ok(Convert.ToHexString(SHA256.HashData(request.Body))));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        foreach (var how in new string[][] { [], ["--no-content-length"] })
        {
            var output = await Nghttp.Run(Hotcore, domain, ["/"], ["--data", upload, .. how]);

            Assert.Contains(Convert.ToHexString(SHA256.HashData(content)), output);
        }
        Assert.Equal([Harness.Framing.Length, Harness.Framing.Chunked], upstream.Requests.Select(request => request.Framing));
    }

    [Theory]
    [InlineData(UpstreamKind.Http1)]
    [InlineData(UpstreamKind.Http2)]
    public async Task Trailers_of_a_request_reach_the_upstream(UpstreamKind kind)
    {
        using var folder = new TemporaryFolder();
        var upload = folder.Write("upload", "hello"u8.ToArray());
        await using var upstream = await ScriptedUpstream.Start(kind);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var contentType = kind == UpstreamKind.Http2 ? "application/grpc" : "text/plain";

        var asking = Nghttp.Run(
            Hotcore, domain, ["/"], "--data", upload, "--trailer", "x-sum: 42", "--no-content-length",
            "--header", $"content-type: {contentType}");
        var accepted = await upstream.Accept();
        Assert.Equal("hello", Encoding.ASCII.GetString(await accepted.ReadBody()));
        Assert.Equal("42", accepted.Trailers["x-sum"]);
        await accepted.SendHead();
        await accepted.End(("x-sum-too", "43"));

        Assert.Matches(@"recv \(stream_id=\d+[^)]*\) x-sum-too: 43", await asking);
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

    [Fact]
    public async Task Nghttp_is_told_GOAWAY_at_the_stop_and_finishes()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = await ScriptedUpstream.Start(UpstreamKind.Http1);
        var domain = await hotcore.AddNewDomain(upstream.Port);
        await using var nghttp = Nghttp.Start(hotcore, domain, ["/"]);
        var accepted = await upstream.Accept();

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.UntilConnectionsAreRefused();
        await accepted.SendHead();
        await accepted.Send("still here"u8.ToArray());
        await accepted.End();

        Assert.Equal(0, await nghttp.WaitForExit());
        var output = await nghttp.ReadToEnd();
        Assert.Contains("still here", output);
        Assert.Matches(@"recv GOAWAY frame.*\n.*error_code=NO_ERROR", output);
        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
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

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    public async Task Every_request_of_h2load_succeeds(string scheme)
    {
        const int requests = 8_000;
        await using var nginx = await RealApp.StartNginx();
        var domain = await Hotcore.AddNewDomain(nginx.Port);
        var address = scheme == "https" ? Hotcore.Https : Hotcore.Http;

        var finished = await Finished.Run(
            "h2load",
            [
                $"--requests={requests}", "--clients=16", "--max-concurrent-streams=16", "--threads=2",
                $"--connect-to={address}", "--npn-list=h2", $"{scheme}://{domain}:{address.Port}/",
            ]);

        Assert.Contains($"{requests} succeeded, 0 failed, 0 errored, 0 timeout", finished.All);
        Assert.Contains($"status codes: {requests} 2xx", finished.All);
        if (scheme == "https")
            Assert.Contains("Application protocol: h2", finished.All);
    }

    [Fact]
    public async Task Every_call_of_h2load_to_an_HTTP_2_app_succeeds_over_few_connections()
    {
        const int requests = 4_000;
        using var folder = new TemporaryFolder();
        await using var app = await WebApp.Start(HttpProtocols.Http2, context => context.Request.Body.CopyToAsync(Stream.Null));
        var domain = await Hotcore.AddNewDomain(app.Port);

        var finished = await Finished.Run(
            "h2load",
            [
                $"--requests={requests}", "--clients=16", "--max-concurrent-streams=16", "--threads=2",
                $"--connect-to={Hotcore.Http}", "--header=content-type: application/grpc", $"--data={folder.Write("upload", new byte[1000])}",
                $"http://{domain}:{Hotcore.Http.Port}/",
            ]);

        Assert.Contains($"{requests} succeeded, 0 failed, 0 errored, 0 timeout", finished.All);
        // 256 streams at once, at most 100 to a connection as the app says: a handful, and not one for each.
        Assert.InRange(app.ConnectionCount, 1, 16);
    }

    private sealed class TemporaryFolder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hotcore-file-");

        public string Path(string name) => System.IO.Path.Combine(_folder.FullName, name);

        public string Write(string name, byte[] content)
        {
            File.WriteAllBytes(Path(name), content);
            return Path(name);
        }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}

using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>nghttp, which tells of every frame, and h2load, which loads.</summary>
public class Http2ClientsOfNghttp2(SharedHotcore shared) : HotcoreTest(shared)
{
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
    public async Task Nghttp_is_told_GOAWAY_at_the_stop_and_finishes()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = await ScriptedUpstream.Start(UpstreamKind.Http1);
        var domain = await hotcore.AddNewDomain(upstream.Port);
        await using var nghttp = Nghttp.Start(hotcore, domain, ["/"]);
        var accepted = await upstream.Accept();

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.UntilConnectionsAreRefused();
        // Those that are open hear of it a moment later.
        var lines = new List<string>();
        while (!lines.Any(line => line.Contains("recv GOAWAY frame")))
            lines.Add(await nghttp.ReadLine() ?? throw new TruncatedMessageException("nghttp ended before GOAWAY"));
        await accepted.SendHead();
        await accepted.Send("still here"u8.ToArray());
        await accepted.End();

        Assert.Equal(0, await nghttp.WaitForExit());
        var output = string.Join('\n', [.. lines, await nghttp.ReadToEnd()]);
        Assert.Contains("still here", output);
        Assert.Matches(@"recv GOAWAY frame.*\n.*error_code=NO_ERROR", output);
        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
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
}

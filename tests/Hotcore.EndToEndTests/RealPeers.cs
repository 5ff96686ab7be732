using System.Security.Cryptography;
using System.Text.Json;

namespace Hotcore.EndToEndTests;

/// <summary>Programs that were not written for these tests: nginx, Python's and Node's servers, curl.</summary>
public class RealPeers(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Curl_reaches_nginx()
    {
        await using var nginx = await RealApp.StartNginx();
        var domain = await Hotcore.AddNewDomain(nginx.Port);

        var finished = await CurlFor(domain, "/page?query=1");

        Assert.Equal($"GET /page?query=1 {domain}:{Hotcore.Http.Port} 127.0.0.1", finished.Output.TrimEnd('\n'));
    }

    [Fact]
    public async Task Curl_downloads_files_and_ranges_of_them_from_nginx()
    {
        var content = RandomNumberGenerator.GetBytes(5_000_000);
        await using var nginx = await RealApp.StartNginx(
            folder => File.WriteAllBytes(Path.Combine(folder.FullName, "files", "five.bin"), content));
        var domain = await Hotcore.AddNewDomain(nginx.Port);
        using var file = new TemporaryFile([]);

        await CurlFor(domain, "/files/five.bin", "-o", file.Path);
        Assert.Equal(content, await File.ReadAllBytesAsync(file.Path));
        await CurlFor(domain, "/files/five.bin", "-o", file.Path, "-r", "1000000-1999999");
        Assert.Equal(content[1_000_000..2_000_000], await File.ReadAllBytesAsync(file.Path));
        var head = await CurlFor(domain, "/files/five.bin", "--head");
        Assert.Contains("Content-Length: 5000000", head.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Curl_reuses_its_connection()
    {
        await using var nginx = await RealApp.StartNginx();
        var domain = await Hotcore.AddNewDomain(nginx.Port);
        var url = $"http://{domain}:{Hotcore.Http.Port}/";

        var finished = await CurlFor(domain, "/", url + "2", url + "3", "-w", "(%{num_connects} new)");

        Assert.Equal(1, finished.Output.Split("(1 new)").Length - 1);
        Assert.Equal(2, finished.Output.Split("(0 new)").Length - 1);
    }

    [Theory]
    [InlineData("python")]
    [InlineData("node")]
    public async Task An_app_sees_the_forwarded_fields(string kind)
    {
        await using var app = await Start(kind);
        var domain = await Hotcore.AddNewDomain(app.Port);

        var finished = await CurlFor(domain, "/page");

        using var seen = JsonDocument.Parse(finished.Output);
        Assert.Equal("/page", seen.RootElement.GetProperty("path").GetString());
        var fields = seen.RootElement.GetProperty("headers");
        Assert.Equal($"{domain}:{Hotcore.Http.Port}", fields.GetProperty("host").GetString());
        Assert.Equal("127.0.0.1", fields.GetProperty("x-forwarded-for").GetString());
        Assert.Equal("http", fields.GetProperty("x-forwarded-proto").GetString());
    }

    [Theory]
    [InlineData("python")]
    [InlineData("node")]
    public async Task Curl_posts_and_gets_back_what_it_posted(string kind)
    {
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        using var upload = new TemporaryFile(content);
        using var answer = new TemporaryFile([]);
        await using var app = await Start(kind);
        var domain = await Hotcore.AddNewDomain(app.Port);

        foreach (var how in new string[][]
        {
            // With Content-Length (and, for this size, Expect: 100-continue), chunked, and as an upload.
            ["--data-binary", $"@{upload.Path}"],
            ["--data-binary", $"@{upload.Path}", "-H", "Transfer-Encoding: chunked"],
            ["--data-binary", $"@{upload.Path}", "-H", "Expect:"],
            ["--data-binary", $"@{upload.Path}", "-H", "Expect: 100-continue"],
            ["-T", upload.Path],
            ["-T", upload.Path, "-H", "Transfer-Encoding: chunked"],
        })
        {
            var finished = await CurlFor(domain, "/", [.. how, "-o", answer.Path, "-w", "%{http_code}"]);
            Assert.Equal("200", finished.Output.TrimEnd('\n'));
            Assert.Equal(content, await File.ReadAllBytesAsync(answer.Path));
        }
    }

    [Fact]
    public async Task The_simplest_server_of_all_is_served()
    {
        var content = RandomNumberGenerator.GetBytes(1_000_000);
        using var file = new TemporaryFile(content);
        using var answer = new TemporaryFile([]);
        await using var app = await RealApp.StartPythonFileServer(Path.GetDirectoryName(file.Path)!);
        var domain = await Hotcore.AddNewDomain(app.Port);

        for (var i = 0; i < 3; i++)
        {
            await CurlFor(domain, "/" + Path.GetFileName(file.Path), "-o", answer.Path);
            Assert.Equal(content, await File.ReadAllBytesAsync(answer.Path));
        }
    }

    [Fact]
    public async Task A_POST_after_Nodes_keep_alive_time_is_served()
    {
        await using var app = await RealApp.StartNode();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();
        var request = $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello";

        Assert.Equal("hello", (await client.Exchange(request)).Text);
        // Node closes an idle connection after 5 s (or up to a second later); by then hotcore must know.
        await Task.Delay(TimeSpan.FromSeconds(7));

        Assert.Equal("hello", (await client.Exchange(request)).Text);
    }

    [Fact]
    public async Task Requests_that_meet_Nodes_keep_alive_time_are_all_served()
    {
        await using var app = await RealApp.StartNode(0, "100");
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();
        var random = new Random(5);

        for (var i = 0; i < 60; i++)
        {
            Assert.Equal(200, (await client.Get(domain, $"/{i}")).Status);
            // Around the moment at which Node closes: before, just then, and after.
            await Task.Delay(random.Next(90, 115));
        }
    }

    private static Task<RealApp> Start(string kind) => kind == "python" ? RealApp.StartPython() : RealApp.StartNode();

    private async Task<Finished> CurlFor(string domain, string target, params string[] arguments)
    {
        var finished = await Curl.Run([
            "--resolve", $"{domain}:{Hotcore.Http.Port}:127.0.0.1",
            $"http://{domain}:{Hotcore.Http.Port}{target}", .. arguments,
        ]);
        Assert.True(finished.ExitCode == 0, $"curl exited with {finished.ExitCode}: {finished.Error}");
        return finished;
    }

    private sealed class TemporaryFile : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hotcore-file-");

        public TemporaryFile(byte[] content)
        {
            Path = System.IO.Path.Combine(_folder.FullName, "content.bin");
            File.WriteAllBytes(Path, content);
        }

        public string Path { get; }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}

/// <summary>An app that is killed and comes back, while clients keep asking.</summary>
[Collection(nameof(Alone))]
public class RestartUnderLoad(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData("python")]
    [InlineData("node")]
    public async Task No_client_sees_an_app_restart(string kind)
    {
        var port = FreePort.Take();
        var app = await Start(kind, port);
        var domain = await Hotcore.AddNewDomain(port);
        using var enough = new CancellationTokenSource();
        var answered = 0;
        var clients = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            await using var client = await Hotcore.Connect();
            while (!enough.IsCancellationRequested)
            {
                Assert.Equal(200, (await client.Get(domain)).Status);
                Interlocked.Increment(ref answered);
            }
        })).ToList();
        // A client that fails ends the wait at once.
        async Task Answered(int more)
        {
            var until = answered + more;
            await Wait.Until(() => answered >= until || clients.Any(client => client.IsCompleted), "answers");
        }

        try
        {
            await Answered(200);
            await app.Kill();
            // The time for which the issue wants the port to refuse; nothing happens that could be awaited.
            await Task.Delay(TimeSpan.FromSeconds(3));
            await app.DisposeAsync();
            app = await Start(kind, port);
            await Answered(200);
            await enough.CancelAsync();
            await Task.WhenAll(clients);
        }
        finally
        {
            await enough.CancelAsync();
            await app.DisposeAsync();
        }
    }

    private static Task<RealApp> Start(string kind, int port) =>
        kind == "python" ? RealApp.StartPython(port) : RealApp.StartNode(port);
}

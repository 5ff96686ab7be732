using System.Net;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Clients of every kind outside a booted Debian, and programs inside it that send messages: some hundred requests a second from
/// <see cref="Start"/> to <see cref="End"/>, not one of which may fail.
/// </summary>
public sealed class Load : IAsyncDisposable
{
    /// <summary>Where <see cref="LoadApp"/>s have to listen, each named for its port.</summary>
    public static readonly IReadOnlyList<int> Ports = [3000, 3001];

    private const int MostBytesPerPost = 30_000;
    private const string ChangingDomain = "changing.example.com";

    private readonly LoadSite _site;
    private readonly LoadWorkers _workers = new();
    private readonly List<KeptAliveClient> _keptAlive = [];
    private readonly List<HttpClient> _http2 = [];
    private readonly List<LoadMessages> _programs = [];

    private Load(LoadSite site) => _site = site;

    public LoadRecord Record => _workers.Record;

    public IReadOnlyCollection<string> Kinds => _workers.Kinds;

    /// <summary>What hotcore's list has to be.</summary>
    public string Mappings => string.Join('\n', _programs
        .SelectMany(program => program.Stored)
        .Append(new(LoadSite.Plain, Ports[0])).Append(new(LoadSite.Secure, Ports[0]))
        .Select(mapping => $"{mapping.Key} {mapping.Value}").Order(StringComparer.Ordinal));

    /// <summary>The longest that a reply to a message took.</summary>
    public TimeSpan SlowestReply => _programs.Max(program => program.Slowest);

    /// <summary>Begins. The domains of <see cref="LoadSite"/> have to be mapped to the first of <see cref="Ports"/>.</summary>
    /// <param name="site">Where the clients go.</param>
    /// <param name="debian">The Debian's network, for messages.</param>
    /// <param name="patience">How long a message waits for its reply before it counts as lost.</param>
    public static async Task<Load> Start(LoadSite site, NetworkNamespace debian, TimeSpan patience)
    {
        var load = new Load(site);
        try
        {
            load.BeginNewConnections();
            load.BeginKeptConnections();
            load.BeginHttp2();
            load.BeginTransfers();
            load.BeginMessages(debian, patience);
            for (var i = 0; i < 50; i++)
                await load.OpenWebSockets();
            for (var i = 0; i < 10; i++)
                await load.OpenWebSocket("HTTP/2", isTls: true, HttpVersion.Version20);
            await load.UntilAllGoesOn();
            return load;
        }
        catch
        {
            await load.DisposeAsync();
            throw;
        }
    }

    /// <summary>Two more, one plain and one over TLS.</summary>
    public async Task OpenWebSockets()
    {
        await OpenWebSocket("plain", isTls: false, HttpVersion.Version11);
        await OpenWebSocket("TLS", isTls: true, HttpVersion.Version11);
    }

    /// <summary>Waits until each kind of load has done more than up to now.</summary>
    public Task UntilAllGoesOn() => Record.UntilEachGoesOn(Kinds);

    /// <summary>
    /// Brings everything to its proper end: transfers are whole, each WebSocket echoes once more and is closed. No client has
    /// a connection then.
    /// </summary>
    public async Task End()
    {
        await _workers.End();
        foreach (var client in _keptAlive)
            await client.DisposeAsync();
        _http2.ForEach(client => client.Dispose());
        _programs.ForEach(program => program.Dispose());
    }

    public async ValueTask DisposeAsync()
    {
        await End();
        _workers.Dispose();
    }

    private void BeginNewConnections()
    {
        foreach (var isTls in new[] { false, true })
        {
            for (var i = 0; i < 4; i++)
                _workers.Repeat($"new connections, {Name(isTls)}", (100, 300), number => AskOnNewConnection(isTls, number));
        }
    }

    /// <summary>Every second client leaves the end to hotcore.</summary>
    private async Task AskOnNewConnection(bool isTls, int number)
    {
        await using var client = await _site.Connect(isTls);
        var endsHere = number % 2 == 0;
        var response = await client.Get(LoadSite.Domain(isTls), $"/new/{number}", endsHere ? "" : "Connection: close\r\n");
        Assert.Equal((200, $"3000 /new/{number}"), (response.Status, response.Text));
        if (!endsHere)
            Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    private void BeginKeptConnections()
    {
        foreach (var isTls in new[] { false, true })
        {
            for (var i = 0; i < 3; i++)
                BeginKeptConnection("kept connections", isTls, (20, 100));
            for (var i = 0; i < 4; i++)
                BeginKeptConnection("idle connections", isTls, (1_000, 3_000));
            for (var i = 0; i < 2; i++)
                BeginKeptConnection("idle connections", isTls, (14_000, 16_000));
        }
    }

    private void BeginKeptConnection(string kind, bool isTls, (int, int) milliseconds)
    {
        var client = NewKeptAlive(isTls);
        _workers.Repeat($"{kind}, {Name(isTls)}", milliseconds, async number => Assert.Equal(
            $"3000 /kept/{number}", await client.Get(LoadSite.Domain(isTls), $"/kept/{number}")));
    }

    private void BeginHttp2()
    {
        for (var i = 0; i < 2; i++)
        {
            var client = new HttpClient(_site.Handler()) { Timeout = Timeout.InfiniteTimeSpan };
            _http2.Add(client);
            for (var j = 0; j < 6; j++)
                _workers.Repeat("HTTP/2 GET", (100, 250), number => GetOverHttp2(client, number));
            for (var j = 0; j < 3; j++)
                _workers.Repeat("HTTP/2 POST", (150, 350), number => PostOverHttp2(client, number));
        }
    }

    private static async Task GetOverHttp2(HttpClient client, int number)
    {
        using var request = LoadSite.Request(HttpMethod.Get, $"/get/{number}", isTls: true, HttpVersion.Version20);
        using var response = await Wait.For(client.SendAsync(request), "an answer over HTTP/2");
        Assert.Equal((HttpStatusCode.OK, $"3000 /get/{number}"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
    }

    private static async Task PostOverHttp2(HttpClient client, int number)
    {
        var body = BytePattern.At(number * 1_000L, MostBytesPerPost - number % 5_000);
        using var request = LoadSite.Request(HttpMethod.Post, "/echo", isTls: true, HttpVersion.Version20);
        request.Content = new ReadOnlyMemoryContent(body);
        using var response = await Wait.For(client.SendAsync(request), "an answer over HTTP/2");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var echo = await response.Content.ReadAsByteArrayAsync();
        Assert.True(body.Span.SequenceEqual(echo), "the body came back otherwise");
    }

    /// <summary>At a pace at which the app is at work on each throughout all upgrades, even where these take minutes.</summary>
    private void BeginTransfers()
    {
        var transfers = new LoadTransfers(_site, _workers);
        transfers.BeginDownload("download, HTTP/1.1", HttpVersion.Version11, lengthBytes: 1_000_000_000, bytesPerSecond: 5_000_000);
        transfers.BeginDownload("download, HTTP/2", HttpVersion.Version20, lengthBytes: 200_000_000, bytesPerSecond: 1_000_000);
        transfers.BeginUpload("upload, HTTP/1.1", isTls: false, HttpVersion.Version11, bytesPerSecond: 500_000);
        transfers.BeginUpload("upload, HTTP/2", isTls: true, HttpVersion.Version20, bytesPerSecond: 500_000);
    }

    private async Task OpenWebSocket(string name, bool isTls, Version version)
    {
        var kind = $"WebSockets, {name}";
        var socket = await EchoingWebSocket.Open(_site, isTls, version);
        _workers.Do(kind, async () =>
        {
            using (socket)
            {
                for (; !_workers.HasEnded; Record.Count(kind))
                {
                    await socket.Echo();
                    await _workers.Pause(TimeSpan.FromMilliseconds(Random.Shared.Next(200, 800)));
                }
                await socket.Echo();
                await socket.Close();
            }
        });
    }

    private void BeginMessages(NetworkNamespace debian, TimeSpan patience)
    {
        foreach (var (name, loopback, keepsSocket) in new[]
        {
            ("each", IPAddress.Loopback, false), ("one", IPAddress.Loopback, true), ("six", IPAddress.IPv6Loopback, false),
        })
        {
            var program = NewProgram(new LoadMessages(debian, loopback, name, keepsSocket, patience));
            _workers.Repeat("messages", (150, 300), _ => program.Change());
        }
        var changing = NewProgram(new LoadMessages(debian, IPAddress.Loopback, "", keepsSocket: false, patience));
        var kept = NewKeptAlive(isTls: false);
        _workers.Repeat("changes in force", (100, 200), number => ChangeAndAsk(changing, kept, number));
    }

    /// <summary>What is acknowledged is in force for the very next request, on whichever connection that comes.</summary>
    private async Task ChangeAndAsk(LoadMessages program, KeptAliveClient kept, int number)
    {
        await using var fresh = new KeptAliveClient(_site, isTls: false);
        var port = Ports[number % Ports.Count];
        await program.Map(ChangingDomain, port);
        var answers = await Task.WhenAll(fresh.Get(ChangingDomain, "/fresh"), kept.Get(ChangingDomain, "/kept"));
        Assert.Equal([$"{port} /fresh", $"{port} /kept"], answers);
    }

    private KeptAliveClient NewKeptAlive(bool isTls)
    {
        var client = new KeptAliveClient(_site, isTls);
        _keptAlive.Add(client);
        return client;
    }

    private LoadMessages NewProgram(LoadMessages program)
    {
        _programs.Add(program);
        return program;
    }

    private static string Name(bool isTls) => isTls ? "TLS" : "plain";
}

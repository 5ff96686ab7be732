using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>.NET's own client of WebSockets, over HTTP/2 (RFC 8441).</summary>
public class WebSocketClients(SharedHotcore shared) : HotcoreTest(shared)
{
    public static TheoryData<bool> WithoutAndWithTls => [false, true];

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task Messages_of_up_to_1_MB_come_back_byte_for_byte(bool isTls)
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var client = await Connect(domain, isTls: isTls);

        var received = new byte[WebSocketMessages.MostBytes + 1];
        foreach (var length in new[] { 0, 1, 125, 126, 65_535, 65_536, 300_000, WebSocketMessages.MostBytes })
        {
            var message = RandomNumberGenerator.GetBytes(length);
            await client.SendAsync(message, WebSocketMessageType.Binary, true, default);
            Assert.Equal(length, await Wait.For(WebSocketMessages.Read(client, received), "a message"));
            Assert.True(received.AsSpan(0, length).SequenceEqual(message), $"a message of {length} bytes differs");
        }

        await Wait.For(client.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", default), "the closing handshake");
        Assert.Equal("done", client.CloseStatusDescription);
    }

    [Fact]
    public async Task The_upstream_sees_an_upgrade_of_HTTP_1_1()
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        using var client = await Connect(domain, "/chat?room=1", options =>
        {
            options.SetRequestHeader("Origin", "https://app.example.com");
            options.SetRequestHeader("Cookie", "a=1; b=2");
        }, isTls: true);

        var request = Assert.Single(upstream.Requests);
        Assert.Equal("GET /chat?room=1 HTTP/1.1", request.Head.StartLine);
        Assert.Equal("websocket", request.Fields["Upgrade"]);
        Assert.Equal("upgrade", request.Fields["Connection"], ignoreCase: true);
        Assert.Equal("13", request.Fields["Sec-WebSocket-Version"]);
        // RFC 6455 4.1: 16 bytes in base64.
        Assert.Equal(16, Convert.FromBase64String(request.Fields["Sec-WebSocket-Key"]!).Length);
        Assert.StartsWith(domain, request.Fields["Host"]);
        Assert.Equal("https://app.example.com", request.Fields["Origin"]);
        Assert.Equal("a=1; b=2", request.Fields["Cookie"]);
        Assert.Equal("https", request.Fields["X-Forwarded-Proto"]);
        Assert.Equal(Harness.Framing.None, request.Framing);
        Assert.DoesNotContain(request.Fields, field => field.Name.Contains(':') || field.Name == "protocol");
    }

    [Fact]
    public async Task Every_WebSocket_has_a_key_of_its_own()
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var first = await Connect(domain);
        using var second = await Connect(domain);

        Assert.Equal(2, upstream.Requests.Select(request => request.Fields["Sec-WebSocket-Key"]).Distinct().Count());
    }

    [Fact]
    public async Task A_subprotocol_is_agreed_between_the_ends()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await Switch(connection, await connection.ExpectRequest(), "Sec-WebSocket-Protocol: chat.v2\r\n");
            await connection.ExpectEnd();
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        using var client = await Connect(domain, "/", options =>
        {
            options.AddSubProtocol("chat.v1");
            options.AddSubProtocol("chat.v2");
        });

        Assert.Equal("chat.v2", client.SubProtocol);
        Assert.Equal("chat.v1, chat.v2", string.Join(", ", Assert.Single(upstream.Requests).Fields.Values("Sec-WebSocket-Protocol")));
    }

    [Fact]
    public async Task A_refusal_of_the_upstream_reaches_the_client()
    {
        await using var upstream = TestUpstream.Answering(_ => "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        Assert.Equal(HttpStatusCode.Forbidden, await Refused(domain));
    }

    [Fact]
    public async Task An_upstream_that_answers_200_has_not_switched()
    {
        // A 200 would be the yes of HTTP/2 (RFC 8441 5); from HTTP/1.1 only a 101 is.
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("an ordinary page"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        Assert.NotEqual(HttpStatusCode.OK, await Refused(domain));
    }

    [Fact]
    public async Task Bytes_that_come_with_the_101_reach_the_client()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            // A text message of RFC 6455 5.7, unmasked.
            await Switch(connection, await connection.ExpectRequest(), "", "\u0081\u0005Hello");
            await connection.ExpectEnd();
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var client = await Connect(domain);

        var received = new byte[100];
        Assert.Equal(5, await Wait.For(WebSocketMessages.Read(client, received), "the message"));
        Assert.Equal("Hello", Encoding.ASCII.GetString(received, 0, 5));
    }

    [Fact]
    public async Task Many_share_one_connection_with_ordinary_requests()
    {
        const int sockets = 30;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            if (await connection.ExpectHead() is var head && head.Fields.Has("Upgrade"))
                await WebSocketMessages.Echo(connection, head);
            else
                await connection.Send(Answers.Ok("a page"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var shared = new HttpMessageInvoker(DotNetClient.Handler(Hotcore));
        var clients = new List<ClientWebSocket>();
        for (var i = 0; i < sockets; i++)
            clients.Add(await Connect(domain, through: shared, isTls: true));

        await Wait.For(Task.WhenAll(clients.Select(async (client, number) =>
        {
            var received = new byte[1000];
            for (var i = 0; i < 50; i++)
            {
                var text = $"message {i} of {number}";
                await client.SendAsync(Encoding.ASCII.GetBytes(text), WebSocketMessageType.Text, true, default);
                var length = await WebSocketMessages.Read(client, received);
                Assert.Equal(text, Encoding.ASCII.GetString(received, 0, length));
            }
        })), "all messages");
        using var request = new HttpRequestMessage(HttpMethod.Get, DotNetClient.Site(Hotcore, domain, isTls: true))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var response = await Wait.For(shared.SendAsync(request, default), "a page beside them");
        Assert.Equal("a page", await response.Content.ReadAsStringAsync());
        foreach (var client in clients)
            client.Dispose();
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_it_at_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var connecting = Connect(domain);
        using var connection = await upstream.Accept();
        await Switch(connection, await connection.ExpectRequest());
        using var client = await connecting;

        client.Abort();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_upstream_that_vanishes_ends_it_at_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var connecting = Connect(domain);
        using var connection = await upstream.Accept();
        await Switch(connection, await connection.ExpectRequest());
        using var client = await connecting;

        connection.Reset();

        var ended = await Record.ExceptionAsync(
            () => Wait.For(WebSocketMessages.Read(client, new byte[100]), "the end of the WebSocket"));
        Assert.IsType<WebSocketException>(ended);
    }

    [Fact]
    public async Task A_client_that_does_not_read_makes_the_upstream_wait()
    {
        var sent = 0L;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await Switch(connection, await connection.ExpectRequest());
            // Nobody reads it, so it need not be messages.
            for (var block = new byte[65_536]; sent < 64 * Memory.MiB; sent += block.Length)
                await connection.Send(block);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        using var client = await Connect(domain);

        await Wait.UntilItStandsStill(() => sent, TimeSpan.FromSeconds(1));

        Assert.InRange(sent, 1, 40 * Memory.MiB);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 20 * Memory.MiB);
    }

    [Fact]
    public async Task A_mapping_that_changes_leaves_it_open()
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        await using var other = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var client = await Connect(domain);

        await Hotcore.Add(domain, other.Port);
        await client.SendAsync("still"u8.ToArray(), WebSocketMessageType.Text, true, default);

        Assert.Equal(5, await Wait.For(WebSocketMessages.Read(client, new byte[100]), "the echo"));
        Assert.Equal("GET /new", (await Hotcore.Get(domain, "/new")).Text);
    }

    private static Task Switch(UpstreamConnection connection, ReceivedRequest request, string fields = "", string bytes = "") =>
        connection.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Accept: {WebSocketMessages.AcceptOf(request.Fields)}\r\n{fields}\r\n{bytes}");

    private async Task<HttpStatusCode> Refused(string domain)
    {
        using var client = Create();
        client.Options.CollectHttpResponseDetails = true;
        using var through = new HttpMessageInvoker(DotNetClient.Handler(Hotcore));
        await Assert.ThrowsAsync<WebSocketException>(
            () => Wait.For(client.ConnectAsync(UriOf(domain, "/", isTls: false), through, default), "a refusal"));
        return client.HttpStatusCode;
    }

    private async Task<ClientWebSocket> Connect(
        string domain,
        string path = "/",
        Action<ClientWebSocketOptions>? choose = null,
        bool isTls = false,
        HttpMessageInvoker? through = null)
    {
        var client = Create();
        choose?.Invoke(client.Options);
        // Not disposed: the WebSocket lives on its connection.
        through ??= new HttpMessageInvoker(DotNetClient.Handler(Hotcore));
        await Wait.For(client.ConnectAsync(UriOf(domain, path, isTls), through, default), "the WebSocket");
        return client;
    }

    private static ClientWebSocket Create()
    {
        var client = new ClientWebSocket();
        client.Options.HttpVersion = HttpVersion.Version20;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        client.Options.KeepAliveInterval = TimeSpan.Zero;
        return client;
    }

    private Uri UriOf(string domain, string path, bool isTls) => new UriBuilder(DotNetClient.Site(Hotcore, domain, isTls))
    {
        Scheme = isTls ? "wss" : "ws",
        Path = path.Split('?')[0],
        Query = path.Contains('?') ? path[path.IndexOf('?')..] : "",
    }.Uri;
}

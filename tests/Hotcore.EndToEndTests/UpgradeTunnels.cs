using System.Net.WebSockets;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>
/// WebSockets and every other upgrade: bytes both ways once the upstream has agreed, as long as both live.
/// </summary>
public class UpgradeTunnels(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task An_upgrade_reaches_the_upstream_with_its_fields_and_its_answer_reaches_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET /chat HTTP/1.1\r\nHost: {domain}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        using var connection = await upstream.Accept();
        var request = await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
        var response = await client.Read();

        Assert.Equal("websocket", request.Fields["Upgrade"]);
        Assert.Contains("upgrade", request.Fields["Connection"], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("dGhlIHNhbXBsZSBub25jZQ==", request.Fields["Sec-WebSocket-Key"]);
        Assert.Equal(101, response.Status);
        Assert.Equal("websocket", response.Fields["Upgrade"]);
        Assert.Contains("upgrade", response.Fields["Connection"], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.Fields["Sec-WebSocket-Accept"]);
    }

    /// <summary>As docker's exec and attach do: the length says where the body ends.</summary>
    [Theory]
    [InlineData(true, 29)]
    [InlineData(false, 29)]
    [InlineData(true, 100_000)]
    public async Task An_upgrade_with_a_body_of_known_length_is_body_then_101_then_bytes(bool comesAtOnce, int length)
    {
        var body = "{\"Detach\":false,\"Tty\":false}".PadRight(length);
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        var head = $"POST /exec/1/start HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

        await client.Send(comesAtOnce ? head + body + "early" : head);
        using var connection = await upstream.Accept();
        if (!comesAtOnce)
        {
            // The app agrees before it has the body, which still comes first.
            await connection.ExpectHead();
            await connection.Send("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
            await client.Send(body);
            Assert.Equal(body, Encoding.Latin1.GetString(await connection.Reader.ReadExactly(body.Length)));
        }
        else
        {
            var request = await connection.ExpectRequest();
            Assert.Equal(("POST", body, "tcp"), (request.Method, request.Text, request.Fields["Upgrade"]));
            Assert.True(request.WantsUpgrade);
            await connection.Send("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
            Assert.Equal("early", Encoding.Latin1.GetString(await connection.Reader.ReadExactly(5)));
        }

        Assert.Equal(101, (await client.Read()).Status);
        await client.Send("ls\n");
        Assert.Equal("ls\n", Encoding.Latin1.GetString(await connection.Reader.ReadExactly(3)));
        await connection.Send("file\n");
        Assert.Equal("file\n", Encoding.Latin1.GetString(await client.Reader.ReadExactly(5)));
    }

    [Fact]
    public async Task An_upgrade_with_a_chunked_body_is_an_ordinary_request()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");

        Assert.Equal("POST / hello", response.Text);
        Assert.False(upstream.Requests[0].WantsUpgrade);
    }

    [Theory]
    [InlineData("Upgrade: bytes, raw\r\n")]
    [InlineData("Upgrade: raw, BYTES\r\n")]
    public async Task An_app_that_agrees_with_a_list_names_what_was_asked_for(string agreed)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{agreed}\r\n");

        Assert.Equal(101, (await client.Read()).Status);
        await connection.Send("hello");
        Assert.Equal("hello", Encoding.Latin1.GetString(await client.Reader.ReadExactly(5)));
    }

    [Fact]
    public async Task Bytes_pass_both_ways_in_any_order()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var connection = await OpenTunnel(client, upstream, domain);

        const string first = "the upstream speaks first\0\r\n\r\n";
        await connection.Send(first);
        Assert.Equal(first, await ReadText(client.Reader, first.Length));
        const string second = "GET / HTTP/1.1\r\n\r\nis no request here";
        await client.Send(second);
        Assert.Equal(second, await ReadText(connection.Reader, second.Length));
    }

    [Fact]
    public async Task Bytes_that_come_with_the_101_reach_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send(Answers.SwitchingProtocols + "at once");

        Assert.Equal(101, (await client.Read()).Status);
        Assert.Equal("at once", await ReadText(client.Reader, 7));
    }

    [Fact]
    public async Task Bytes_that_a_client_sends_early_flow_only_after_the_101()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\nearly");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await Wait.ToSeeThatNothingHappens();
        Assert.DoesNotContain("early", connection.Received);
        Assert.Equal(0, connection.Socket.Available);
        await connection.Send(Answers.SwitchingProtocols);

        Assert.Equal("early", await ReadText(connection.Reader, 5));
    }

    [Fact]
    public async Task A_client_that_ends_its_side_still_hears_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var connection = await OpenTunnel(client, upstream, domain);

        await client.Send("question");
        client.HalfClose();
        Assert.Equal("question", await Wait.For(connection.Reader.ReadToEnd(), "the end of the client's side"));
        Assert.Equal(ConnectionEnd.Closed, connection.Reader.End);
        await connection.Send("answer");
        connection.HalfClose();

        Assert.Equal("answer", await client.Reader.ReadToEnd());
        Assert.Equal(ConnectionEnd.Closed, client.Reader.End);
    }

    [Fact]
    public async Task An_upstream_that_ends_its_side_still_hears_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var connection = await OpenTunnel(client, upstream, domain);

        await connection.Send("question");
        connection.HalfClose();
        Assert.Equal("question", await client.Reader.ReadToEnd());
        Assert.Equal(ConnectionEnd.Closed, client.Reader.End);
        await client.Send("answer");
        client.HalfClose();

        Assert.Equal("answer", await Wait.For(connection.Reader.ReadToEnd(), "the end of the tunnel"));
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_the_tunnel_at_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();
        using var connection = await OpenTunnel(client, upstream, domain);

        client.Reset();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_upstream_that_vanishes_ends_the_tunnel_at_the_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var connection = await OpenTunnel(client, upstream, domain);

        connection.Reset();

        await client.ReadEnd();
    }

    [Fact]
    public async Task A_switch_to_a_protocol_that_nobody_offered_is_a_malformed_answer()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nbytes");

        Assert.Equal(502, (await client.Read()).Status);
    }

    [Fact]
    public async Task An_upgrade_that_is_refused_is_answered_and_ends_the_connection()
    {
        // Whatever the client sent meanwhile may be a request, or the protocol that it did not get.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Get(domain, "/refused", "Connection: Upgrade\r\nUpgrade: bytes\r\n");

        Assert.Equal("GET /refused", response.Text);
        Assert.Equal("close", response.Fields["Connection"]);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    [Fact]
    public async Task A_tunnels_upstream_connection_serves_nobody_else()
    {
        await using var upstream = TestUpstream.Echoing();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using (var client = await Hotcore.Connect())
        {
            await client.Upgrade(domain);
            await client.ExpectEcho("hello");
        }

        Assert.Equal("GET /next", (await Hotcore.Get(domain, "/next")).Text);
        Assert.Equal(2, upstream.Connections.Count);
    }

    private static async Task<UpstreamConnection> OpenTunnel(RawClient client, TestUpstream upstream, string domain)
    {
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n");
        var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send(Answers.SwitchingProtocols);
        Assert.Equal(101, (await client.Read()).Status);
        return connection;
    }

    private static async Task<string> ReadText(WireReader reader, int length) =>
        Encoding.Latin1.GetString(await Wait.For(reader.ReadExactly(length), "bytes through the tunnel"));
}

/// <summary>Real WebSockets, and many messages. Loads the machine.</summary>
[Collection(nameof(Alone))]
public class WebSockets(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int MessageCount = 100_000;
    private const int LargestBytes = 1024 * 1024;

    [Fact]
    public async Task An_echo_of_100_000_messages_of_up_to_1_MB_comes_back_byte_for_byte()
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var client = new ClientWebSocket();
        client.Options.KeepAliveInterval = TimeSpan.Zero;
        client.Options.SetRequestHeader("Host", domain);
        await Wait.For(client.ConnectAsync(new Uri($"ws://{Hotcore.Http}/echo"), default), "the handshake");

        var pattern = new byte[2 * LargestBytes];
        new Random(1).NextBytes(pattern);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < MessageCount; i++)
                await client.SendAsync(Message(pattern, i), WebSocketMessageType.Binary, true, default);
        });
        var received = new byte[LargestBytes + 1];
        for (var i = 0; i < MessageCount; i++)
        {
            var length = await Wait.For(WebSocketMessages.Read(client, received), $"message {i}");
            Assert.True(received.AsSpan(0, length).SequenceEqual(Message(pattern, i).Span), $"message {i} differs");
        }
        await sending;
        await Wait.For(client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default), "the closing handshake");
    }

    /// <summary>
    /// Mostly small; each 10th up to 8 KB, each 100th up to 64 KB, each 1000th up to 1 MB, the last of just that.
    /// </summary>
    private static ReadOnlyMemory<byte> Message(byte[] pattern, int number)
    {
        var random = (uint)number * 2_654_435_761u;
        uint most = number switch
        {
            _ when number % 1000 == 0 => LargestBytes,
            _ when number % 100 == 0 => 65_536u,
            _ when number % 10 == 0 => 8_192u,
            _ => 300u,
        };
        var length = number == MessageCount - 1 ? LargestBytes : (int)(random % (most + 1));
        return pattern.AsMemory((int)(random >> 8) % LargestBytes, length);
    }
}

using System.Security.Cryptography;
using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 8441: a WebSocket on a stream of HTTP/2, which the upstream sees as an upgrade.</summary>
public class Http2WebSockets(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task An_extended_CONNECT_becomes_an_upgrade()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        var request = await connection.ExpectRequest();
        await Accept(connection, request, "Sec-WebSocket-Protocol: chat\r\n");
        await client.ReadHead(stream);

        Assert.Equal(("GET", "/chat"), (request.Method, request.Target));
        Assert.Equal("websocket", request.Fields["Upgrade"]);
        Assert.Contains("upgrade", request.Fields["Connection"], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("13", request.Fields["Sec-WebSocket-Version"]);
        Assert.Equal("chat, other", request.Fields["Sec-WebSocket-Protocol"]);
        Assert.Equal(16, Convert.FromBase64String(request.Fields["Sec-WebSocket-Key"]!).Length);
        Assert.Equal("127.0.0.1", request.Fields["X-Forwarded-For"]);
        Assert.Equal(200, stream.Status);
        Assert.Equal("chat", stream.Head!["sec-websocket-protocol"]);
        Assert.False(stream.HasEnded);
    }

    [Fact]
    public async Task Bytes_pass_both_ways_until_either_ends()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        await Accept(connection, await connection.ExpectRequest());
        await client.ReadHead(stream);

        for (var i = 0; i < 5; i++)
        {
            await client.Send(Data(stream.Id, $"question {i}"));
            Assert.Equal($"question {i}", Encoding.ASCII.GetString(await connection.Reader.ReadExactly(10)));
            await connection.Send($"answer {i}");
            await client.Until(() => stream.Text.EndsWith($"answer {i}"), "the answer");
        }
        await client.Send(Data(stream.Id, "last words", true));
        Assert.Equal("last words", await Wait.For(connection.Reader.ReadToEnd(), "the end of the client's side"));
        await connection.Send("goodbye");
        connection.HalfClose();
        await client.ReadAnswer(stream);

        Assert.EndsWith("goodbye", stream.Text);
    }

    [Fact]
    public async Task A_window_granted_anew_for_every_small_message_is_no_flood()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http, new Http2Options { GrantsWindows = false });
        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        await Accept(connection, await connection.ExpectRequest());
        await client.ReadHead(stream);

        for (var i = 1; i <= 2_000; i++)
        {
            await connection.Send("0123456789");
            await client.Until(() => stream.BodyLength == 10 * i, "the message");
            await client.Send(WindowUpdate(stream.Id, 10), WindowUpdate(0, 10));
        }

        await client.ExpectPong();
        Assert.Null(client.GoAway);
    }

    [Fact]
    public async Task Another_protocol_than_websocket_is_not_served()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await Connect(client, domain, "connect-udp");
        await client.ReadAnswer(stream);

        Assert.Equal(501, stream.Status);
        Assert.Empty(upstream.Connections);
    }

    [Fact]
    public async Task What_the_client_sends_before_it_is_accepted_is_not_lost()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await Connect(client, domain);
        await client.Send(Data(stream.Id, "hello"));
        using var connection = await upstream.Accept();
        await Accept(connection, await connection.ExpectRequest());

        Assert.Equal("hello", Encoding.ASCII.GetString(await Wait.For(connection.Reader.ReadExactly(5), "the bytes")));
    }

    [Fact]
    public async Task An_upstream_that_refuses_is_heard()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        await client.ReadAnswer(stream);

        Assert.Equal((403, "no"), (stream.Status, stream.Text));
        await client.Send(Data(stream.Id, "smuggled"));
        await client.ExpectPong();
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Fact]
    public async Task A_client_that_resets_its_stream_ends_the_upstreams_connection()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        await Accept(connection, await connection.ExpectRequest());
        await client.ReadHead(stream);

        await client.Send(RstStream(stream.Id));

        await connection.ExpectEnd();
        await client.ExpectPong();
    }

    [Fact]
    public async Task An_upstream_that_vanishes_ends_the_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await Connect(client, domain);
        using var connection = await upstream.Accept();
        await Accept(connection, await connection.ExpectRequest());
        await client.ReadHead(stream);

        connection.Reset();

        await client.Until(() => stream.IsOver, "the end of the stream");
        await client.ExpectPong();
    }

    [Fact]
    public async Task Other_requests_pass_beside_a_socket()
    {
        await using var sockets = TestUpstream.Scripted();
        await using var pages = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(sockets.Port);
        var other = await Hotcore.AddNewDomain(pages.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await Connect(client, domain);
        using var connection = await sockets.Accept();
        await Accept(connection, await connection.ExpectRequest());
        await client.ReadHead(stream);

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal($"GET /{i}", (await client.Get(other, $"/{i}")).Text);
            await connection.Send($"{i}");
        }
        await client.Until(() => stream.Text == "01234", "what was sent beside");
    }

    [Theory]
    [InlineData(":path")]
    [InlineData(":scheme")]
    [InlineData(":authority")]
    public async Task An_extended_CONNECT_says_where_to(string missing)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        (string Name, string Value)[] fields =
        [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
            (":authority", domain),
        ];

        await client.Send(Headers(1, Hpack.Block(fields.Where(field => field.Name != missing)), endStream: false));

        await client.ExpectReset(1, ProtocolError);
        Assert.Equal("", upstream.Received);
    }

    private static async Task<Http2Stream> Connect(Http2Client client, string domain, string protocol = "websocket")
    {
        var id = client.NextStream();
        await client.Send(Headers(
            id,
            Hpack.Block(
                (":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", "/chat"),
                (":authority", domain),
                ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat, other"),
                ("origin", "http://a.example.com")),
            endStream: false));
        return client.Stream(id);
    }

    /// <summary>RFC 6455 4.2.2: the key that hotcore made up is answered as a server must.</summary>
    private static Task Accept(UpstreamConnection connection, ReceivedRequest request, string fields = "")
    {
        var accept = Convert.ToBase64String(SHA1.HashData(
            Encoding.ASCII.GetBytes(request.Fields["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        return connection.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Accept: {accept}\r\n{fields}\r\n");
    }
}

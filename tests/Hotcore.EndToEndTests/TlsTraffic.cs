using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>HTTP over TLS: what the app sees, and how connections end.</summary>
public class TlsTraffic(SharedHotcore shared) : HotcoreTest(shared)
{
    private const byte AlertRecord = 21;
    private const byte DataRecord = 23;

    /// <summary>An alert of TLS 1.3: two bytes, the hidden type, and 16 of authentication.</summary>
    private const int EncryptedAlertLength = 19;

    [Fact]
    public async Task The_app_learns_that_the_request_came_over_https()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await Hotcore.GetTls(domain);

        var fields = Assert.Single(upstream.Requests).Fields;
        Assert.Equal("https", fields["X-Forwarded-Proto"]);
        Assert.Equal("127.0.0.1", fields["X-Forwarded-For"]);
        Assert.Equal(domain, fields["Host"]);
    }

    [Fact]
    public async Task A_host_that_is_not_the_name_of_the_handshake_is_misdirected()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var other = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        Assert.Equal("GET /first", (await client.Get(domain, "/first")).Text);
        Assert.Equal(421, (await client.Get(other, "/second")).Status);

        Assert.Equal(["GET /first"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_port_or_capitals_in_the_host_make_no_other_name()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        Assert.Equal(200, (await client.Get($"{domain}:{Hotcore.Https.Port}")).Status);
        Assert.Equal(200, (await client.Get(domain.ToUpperInvariant())).Status);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task An_orderly_end_is_announced_by_close_notify(SslProtocols protocol)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain, Trusted with { Protocols = protocol });

        Assert.Equal(200, (await client.Get(domain, fields: "Connection: close\r\n")).Status);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());

        var (type, length) = client.Records!.Records[^1];
        Assert.Equal(protocol == SslProtocols.Tls12 ? AlertRecord : DataRecord, type);
        if (protocol == SslProtocols.Tls13)
            Assert.Equal(EncryptedAlertLength, length);
    }

    [Fact]
    public async Task Requests_in_one_record_and_a_request_in_many_are_all_answered()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        await client.Send(string.Concat(Enumerable.Range(0, 20).Select(i => $"GET /{i} HTTP/1.1\r\nHost: {domain}\r\n\r\n")));
        for (var i = 0; i < 20; i++)
            Assert.Equal($"GET /{i}", (await client.Read()).Text);
        foreach (var character in $"GET /last HTTP/1.1\r\nHost: {domain}\r\n\r\n")
            await client.Send(character.ToString());

        Assert.Equal("GET /last", (await client.Read()).Text);
    }

    [Fact]
    public async Task A_tunnels_client_that_ends_its_side_still_hears_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);
        using var connection = await OpenTunnel(client, upstream, domain);

        await client.Send("question");
        await client.HalfCloseTls();
        Assert.Equal("question", await Wait.For(connection.Reader.ReadToEnd(), "the end of the client's side"));
        await connection.Send("answer");
        connection.HalfClose();

        Assert.Equal("answer", await client.Reader.ReadToEnd());
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_the_connection_to_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.ConnectTls(domain);
        using var connection = await OpenTunnel(client, upstream, domain);

        client.Reset();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_upstream_that_vanishes_within_a_body_does_not_look_like_the_bodys_end()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain, Trusted with { Protocols = SslProtocols.Tls12 });

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        var body = client.BodyOf(await client.ReadHead());
        connection.Reset();

        await Assert.ThrowsAsync<TruncatedMessageException>(body.ReadAll);
    }

    [Theory]
    [InlineData(65_536)]
    [InlineData(1_048_576)]
    public async Task Bodies_pass_unchanged_up_and_down(int length)
    {
        await using var upstream = TestUpstream.Serving(EchoBody);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        await using var client = await Hotcore.ConnectTls(domain);

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {length}\r\n\r\n");
        await client.Send(sent);

        Assert.True((await client.Read()).Body.AsSpan().SequenceEqual(sent));
    }

    [Fact]
    public async Task A_client_that_reads_slowly_gets_every_byte()
    {
        // More than what sockets hold on the way.
        const int length = 20_000_000;
        var body = new byte[length];
        new Random(4).NextBytes(body);
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            await connection.Send(body);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);
        client.Reader.IsRecording = false;

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        var incoming = client.BodyOf(await client.ReadHead());
        var received = new MemoryStream();
        var piece = new byte[100_000];
        for (int read; (read = await incoming.Read(piece)) > 0; await Task.Delay(2))
            received.Write(piece, 0, read);

        Assert.True(received.ToArray().AsSpan().SequenceEqual(body));
    }

    [Fact]
    public async Task A_client_that_writes_slowly_is_heard_to_the_end()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var text = string.Concat(Enumerable.Range(0, 200).Select(i => $"piece {i}, "));
        await using var client = await Hotcore.ConnectTls(domain);

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {text.Length}\r\n\r\n");
        foreach (var piece in text.Chunk(10))
        {
            await client.Send(new string(piece));
            await Task.Delay(5);
        }

        Assert.Equal($"POST / {text}".TrimEnd(), (await client.Read()).Text);
    }

    [Fact]
    public async Task An_upstream_that_reads_slowly_gets_every_byte()
    {
        // More than what sockets hold on the way.
        const int length = 20_000_000;
        var sent = new byte[length];
        new Random(5).NextBytes(sent);
        var received = new MemoryStream();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            connection.Reader.IsRecording = false;
            var incoming = connection.BodyOf(await connection.ExpectHead());
            var piece = new byte[100_000];
            for (int read; (read = await incoming.Read(piece)) > 0; await Task.Delay(2))
                received.Write(piece, 0, read);
            await connection.Send(Answers.Ok("all there"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {length}\r\n\r\n");
        await client.Send(sent);

        Assert.Equal("all there", (await client.Read()).Text);
        Assert.True(received.ToArray().AsSpan().SequenceEqual(sent));
    }

    private TlsOptions Trusted => new() { Root = TlsOptions.RootOf(Hotcore.LocalCaFile) };

    private static async Task EchoBody(UpstreamConnection connection)
    {
        var request = await connection.ExpectRequest();
        await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {request.Body.Length}\r\n\r\n");
        await connection.Send(request.Body);
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
}

/// <summary>Much over TLS at once. Loads the machine.</summary>
[Collection(nameof(Alone))]
public class MuchTlsTraffic(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int BodyLength = 100_000_000;
    private const int MessageCount = 10_000;

    [Fact]
    public async Task A_body_of_100_MB_passes_unchanged_up_and_down()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            connection.Reader.IsRecording = false;
            var incoming = connection.BodyOf(await connection.ExpectHead());
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {BodyLength}\r\n\r\n");
            var piece = new byte[65_536];
            for (int read; (read = await incoming.Read(piece)) > 0;)
                await connection.Send(piece.AsMemory(0, read));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var sent = new byte[BodyLength];
        new Random(7).NextBytes(sent);
        await using var client = await Hotcore.ConnectTls(domain);
        client.Reader.IsRecording = false;

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {BodyLength}\r\n\r\n");
        var sending = Task.Run(() => client.Send(sent));
        var body = await client.BodyOf(await client.ReadHead()).ReadAll();
        await sending;

        Assert.True(body.AsSpan().SequenceEqual(sent));
    }

    [Fact]
    public async Task An_echo_of_10_000_WebSocket_messages_comes_back_byte_for_byte()
    {
        await using var upstream = TestUpstream.Serving(WebSocketMessages.Echo);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new TlsOptions { Root = TlsOptions.RootOf(Hotcore.LocalCaFile) }.For(domain),
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(Hotcore.Https, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var invoker = new HttpMessageInvoker(handler);
        using var client = new ClientWebSocket();
        client.Options.KeepAliveInterval = TimeSpan.Zero;
        await Wait.For(client.ConnectAsync(new Uri($"wss://{domain}/echo"), invoker, default), "the handshake");

        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < MessageCount; i++)
                await client.SendAsync(Message(i), WebSocketMessageType.Binary, true, default);
        });
        var received = new byte[WebSocketMessages.MostBytes];
        for (var i = 0; i < MessageCount; i++)
        {
            var length = await Wait.For(WebSocketMessages.Read(client, received), $"message {i}");
            Assert.True(received.AsSpan(0, length).SequenceEqual(Message(i)), $"message {i} differs");
        }
        await sending;
        await Wait.For(client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default), "the closing handshake");
    }

    /// <summary>Mostly small; each 100th of about 60 KB.</summary>
    private static byte[] Message(int number)
    {
        var message = new byte[number % 100 == 0 ? 60_000 + number : number % 500];
        new Random(number).NextBytes(message);
        return message;
    }
}

/// <summary>SIGTERM while TLS connections are open.</summary>
public class OrderlyStopOverTls
{
    [Fact]
    public async Task A_request_in_flight_is_finished_and_idle_connections_end_with_close_notify()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = TestUpstream.Scripted();
        await using var other = TestUpstream.Repeating();
        var domain = await hotcore.AddNewDomain(upstream.Port);
        var idleDomain = await hotcore.AddNewDomain(other.Port);
        var trusted = new TlsOptions { Root = TlsOptions.RootOf(hotcore.LocalCaFile) };
        await using var client = await hotcore.ConnectTls(domain);
        await using var idle = await hotcore.ConnectTls(idleDomain, trusted with { Protocols = SslProtocols.Tls12 });
        await idle.Get(idleDomain);
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        hotcore.Signal(ChildProcess.Terminate);
        Assert.Equal(ConnectionEnd.Closed, await idle.ReadEnd());
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        var head = await client.ReadHead();
        await connection.Send("world");

        Assert.Equal("helloworld", Encoding.ASCII.GetString(await client.BodyOf(head).ReadAll()));
        await client.ReadEnd();
        Assert.Equal(21, idle.Records!.Records[^1].Type);
        Assert.Equal(0, await hotcore.WaitForExit());
    }
}

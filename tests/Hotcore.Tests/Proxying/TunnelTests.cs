using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Hotcore.Certificates;
using Hotcore.Http.Http2;
using Hotcore.Loops;
using Hotcore.Mappings;
using Hotcore.Tls;
using Xunit;

namespace Hotcore.Proxying;

/// <summary>What becomes of WebSockets, and of other upgrades, that are still open when hotcore stops.</summary>
public sealed class TunnelTests : IDisposable
{
    private static readonly byte[] Hello = [0x81, 0x05, .. "hello"u8];
    private static readonly byte[] MaskedHello = [0x81, 0x85, 0, 0, 0, 0, .. "hello"u8];
    private static readonly byte[] Close = [0x88, 0x02, 0x03, 0xE9];
    private static readonly byte[] MaskedClose = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

    private readonly WebSocketApp _app = new();

    /// <summary>Waits for the ends for longer than a test does: what ends, ends by what they say.</summary>
    private readonly RunningProxy _proxy;

    public TunnelTests() =>
        _proxy = new RunningProxy(_app.Port, goingAwayMilliseconds: 2 * (long)RunningLoop.Limit.TotalMilliseconds);

    public void Dispose()
    {
        _proxy.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Both_ends_of_a_websocket_get_a_close_frame_and_then_the_end()
    {
        var (client, app) = await OpenAsync(_proxy);
        PassHellos(client, app);

        var stopping = _proxy.Proxy.StopAsync(TimeSpan.Zero);

        Assert.Equal(Close, client.ReceiveToEnd());
        Assert.Equal(MaskedClose, Unmask(app.ReceiveToEnd()));
        client.Send(MaskedClose.AsSpan(0, 2));
        client.Send(MaskedClose.AsSpan(2)); // Fails where the first two bytes met a closed connection.
        client.Dispose();
        await stopping.WaitAsync(RunningLoop.Limit);
        Assert.DoesNotContain(_proxy.Reports.All, line => line.Contains("fault"));
    }

    [Fact]
    public async Task A_websocket_that_never_said_anything_is_closed_too()
    {
        using var proxy = new RunningProxy(_app.Port, goingAwayMilliseconds: 50);
        var (client, app) = await OpenAsync(proxy);

        var stopping = proxy.Proxy.StopAsync(TimeSpan.Zero);

        Assert.Equal(Close, client.ReceiveToEnd());
        Assert.Equal(MaskedClose, Unmask(app.ReceiveToEnd()));
        await stopping.WaitAsync(RunningLoop.Limit); // The client need not answer.
        client.Dispose();
    }

    [Fact]
    public async Task A_frame_on_its_way_to_the_client_is_finished_first()
    {
        var (client, app) = await OpenAsync(_proxy);
        app.Send(Hello.AsSpan(0, 4));
        Assert.Equal(Hello[..4], client.ReceiveExactly(4));

        await BeginToCloseAsync();
        Assert.Equal(0, app.Available);
        app.Send([.. Hello[4..], .. Hello, .. Hello]);

        Assert.Equal([.. Hello[4..], .. Close], client.ReceiveToEnd());
        Assert.Equal(MaskedClose, Unmask(app.ReceiveToEnd()));
        client.Dispose();
    }

    [Fact]
    public async Task A_frame_on_its_way_to_the_app_is_finished_first()
    {
        var (client, app) = await OpenAsync(_proxy);
        client.Send(MaskedHello.AsSpan(0, 4));
        Assert.Equal(MaskedHello[..4], app.ReceiveExactly(4));

        await BeginToCloseAsync();
        Assert.Equal(Close, client.ReceiveToEnd());
        client.Send([.. MaskedHello[4..], .. MaskedHello]);

        Assert.Equal(MaskedHello[4..], app.ReceiveExactly(MaskedHello.Length - 4));
        Assert.Equal(MaskedClose, Unmask(app.ReceiveToEnd()));
        client.Dispose();
    }

    [Fact]
    public async Task A_frame_whose_rest_does_not_come_is_cut_off()
    {
        using var proxy = new RunningProxy(_app.Port, goingAwayMilliseconds: 50);
        var (client, app) = await OpenAsync(proxy);
        app.Send(Hello.AsSpan(0, 4));
        Assert.Equal(Hello[..4], client.ReceiveExactly(4));

        await proxy.Proxy.StopAsync(TimeSpan.Zero).WaitAsync(RunningLoop.Limit);

        Assert.Empty(client.ReceiveToEnd());
        Assert.Empty(app.ReceiveToEnd());
        client.Dispose();
    }

    [Fact]
    public async Task Behind_a_close_frame_of_the_ends_own_comes_no_other()
    {
        var (client, app) = await OpenAsync(_proxy);
        app.Send(Close);
        client.Send(MaskedClose);
        Assert.Equal(Close, client.ReceiveExactly(Close.Length));
        Assert.Equal(MaskedClose, app.ReceiveExactly(MaskedClose.Length));

        var stopping = _proxy.Proxy.StopAsync(TimeSpan.Zero);

        Assert.Empty(client.ReceiveToEnd());
        Assert.Empty(app.ReceiveToEnd());
        client.Dispose();
        await stopping.WaitAsync(RunningLoop.Limit);
    }

    [Fact]
    public async Task Another_protocol_than_websocket_is_cut_off_without_a_word()
    {
        var (client, app) = await OpenAsync(_proxy, "chat");
        app.Send(Hello);
        Assert.Equal(Hello, client.ReceiveExactly(Hello.Length));

        await _proxy.Proxy.StopAsync(TimeSpan.Zero).WaitAsync(RunningLoop.Limit);

        Assert.Empty(client.ReceiveToEnd());
        Assert.Empty(app.ReceiveToEnd());
        client.Dispose();
    }

    [Fact]
    public async Task A_websocket_over_HTTP_2_ends_with_its_stream_and_other_requests_are_reset()
    {
        using var client = _proxy.Connect();
        client.Send([
            .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
            .. Frame(FrameType.Settings, FrameFlags.None, 0, []),
            .. Frame(FrameType.Headers, FrameFlags.EndHeaders, 1, RequestBlocks.Encode(
                ":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /", ":authority: a.com",
                "sec-websocket-version: 13"))]);
        var app = await _app.UpgradeAsync();
        client.Send(Frame(FrameType.Headers, FrameFlags.EndHeaders | FrameFlags.EndStream, 3, RequestBlocks.Encode(
            ":method: GET", ":scheme: http", ":path: /", ":authority: a.com")));
        await _app.AcceptAsync();
        app.Send(Hello);
        client.Send(Frame(FrameType.Data, FrameFlags.None, 1, MaskedHello));
        Assert.Equal(MaskedHello, app.ReceiveExactly(MaskedHello.Length));
        Assert.Equal(Hello, Until(client, frame => frame.Type == FrameType.Data)[^1].Payload);

        var stopping = _proxy.Proxy.StopAsync(TimeSpan.Zero);

        var received = Until(client, frame => frame.StreamId == 1);
        Assert.Equal((FrameType.Data, FrameFlags.EndStream), (received[^1].Type, received[^1].Flags));
        Assert.Equal(Close, received[^1].Payload);
        Assert.Equal(MaskedClose, Unmask(app.ReceiveToEnd()));
        client.Send(Frame(FrameType.Data, FrameFlags.EndStream, 1, MaskedClose));
        received.AddRange(ToEnd(client));
        client.Dispose(); // Until then hotcore reads on.
        await stopping.WaitAsync(RunningLoop.Limit);
        Assert.Equal([3], received.Where(frame => frame.Type == FrameType.ResetStream).Select(frame => frame.StreamId));
        Assert.Contains(received, frame => frame.Type == FrameType.GoAway);
    }

    [Theory]
    [InlineData("1.1", false)]
    [InlineData("1.1", true)]
    [InlineData("2.0", false)]
    [InlineData("2.0", true)]
    public async Task A_client_learns_that_hotcore_goes_away_and_is_let_go_in_order(string version, bool overTls)
    {
        var address = overTls ? _proxy.Proxy.Listen(new IPEndPoint(IPAddress.Loopback, 0), Context()) : _proxy.Address;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(address, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var invoker = new HttpMessageInvoker(handler);
        using var client = new ClientWebSocket();
        (client.Options.HttpVersion, client.Options.HttpVersionPolicy) = (new Version(version), HttpVersionPolicy.RequestVersionExact);
        using var limit = new CancellationTokenSource(RunningLoop.Limit);
        var connecting = client.ConnectAsync(new Uri(overTls ? "wss://a.com/" : "ws://a.com/"), invoker, limit.Token);
        var app = await _app.UpgradeAsync();
        await connecting;
        app.Send(Hello);
        var buffer = new byte[100];
        var received = await client.ReceiveAsync(buffer.AsMemory(), limit.Token);
        Assert.Equal("hello", Encoding.ASCII.GetString(buffer, 0, received.Count));

        var stopping = _proxy.Proxy.StopAsync(TimeSpan.Zero);

        received = await client.ReceiveAsync(buffer.AsMemory(), limit.Token);
        Assert.Equal(WebSocketMessageType.Close, received.MessageType);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, client.CloseStatus);
        await client.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, null, limit.Token);
        Assert.Equal(WebSocketState.Closed, client.State);
        await stopping.WaitAsync(RunningLoop.Limit);
    }

    /// <summary>An upgrade over HTTP/1.1 that the app has agreed to, from both ends.</summary>
    private async Task<(Socket Client, Socket App)> OpenAsync(RunningProxy proxy, string protocol = "websocket")
    {
        var client = proxy.Connect();
        client.Send(Encoding.Latin1.GetBytes(
            $"GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var app = await _app.UpgradeAsync();
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append(Encoding.Latin1.GetString(client.ReceiveExactly(1)));
        Assert.StartsWith("HTTP/1.1 101 ", head.ToString());
        return (client, app);
    }

    private static void PassHellos(Socket client, Socket app)
    {
        app.Send(Hello);
        client.Send(MaskedHello);
        Assert.Equal(Hello, client.ReceiveExactly(Hello.Length));
        Assert.Equal(MaskedHello, app.ReceiveExactly(MaskedHello.Length));
    }

    /// <summary>Stops the proxy, and returns once its patience is over: another upgrade, which is cut off then, tells.</summary>
    private async Task BeginToCloseAsync()
    {
        var (witness, _) = await OpenAsync(_proxy, "chat");
        _ = _proxy.Proxy.StopAsync(TimeSpan.Zero);
        Assert.Empty(witness.ReceiveToEnd());
        witness.Dispose();
    }

    /// <summary>A client's frame, at the end of what was received, as if its key were zero.</summary>
    private static byte[] Unmask(byte[] frame)
    {
        for (var i = 6; i < frame.Length; i++)
            frame[i] ^= frame[2 + (i - 6) % 4];
        frame.AsSpan(2, Math.Min(4, Math.Max(0, frame.Length - 2))).Clear();
        return frame;
    }

    private static byte[] Frame(FrameType type, FrameFlags flags, int streamId, byte[] payload)
    {
        var header = new byte[FrameHeader.Bytes];
        new FrameHeader(payload.Length, type, flags, streamId).Write(header);
        return [.. header, .. payload];
    }

    private static ReceivedFrame Receive(Socket client)
    {
        var header = FrameHeader.Read(client.ReceiveExactly(FrameHeader.Bytes));
        return new ReceivedFrame(header.Type, header.Flags, header.StreamId, client.ReceiveExactly(header.Length));
    }

    /// <summary>All frames up to the first one that is meant.</summary>
    private static List<ReceivedFrame> Until(Socket client, Func<ReceivedFrame, bool> isMeant)
    {
        var received = new List<ReceivedFrame> { Receive(client) };
        while (!isMeant(received[^1]))
            received.Add(Receive(client));
        return received;
    }

    private static IEnumerable<ReceivedFrame> ToEnd(Socket client)
    {
        while (client.Poll(RunningLoop.Limit, SelectMode.SelectRead) && client.Available > 0)
            yield return Receive(client);
    }

    private static TlsContext Context()
    {
        Assert.True(DomainName.TryParse("a.com", out var domain, out _));
        var made = new TestAuthority().Make(domain, DateTimeOffset.UtcNow.AddDays(-1), TimeSpan.FromDays(9));
        var certificate = new TlsCertificate(made.ChainDer, made.KeyDer);
        return new TlsContext((_, _) => ServerNameChoice.Of(certificate), (_, _) => { }, TimeProvider.System);
    }

    private sealed record ReceivedFrame(FrameType Type, FrameFlags Flags, int StreamId, byte[] Payload);
}

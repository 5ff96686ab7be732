using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>A client that sends literal bytes and reads answers strictly. One caller at a time and direction.</summary>
public sealed class RawClient : IAsyncDisposable
{
    private RawClient(Socket socket, TimeSpan? limit)
    {
        Socket = socket;
        Reader = new WireReader(socket, limit ?? Wait.Limit);
    }

    private RawClient(Socket socket, SslStream tls, RecordedStream records, TimeSpan? limit)
    {
        Socket = socket;
        Tls = tls;
        Records = records;
        Reader = new WireReader(tls, limit ?? Wait.Limit);
    }

    public Socket Socket { get; }

    /// <summary>The TLS over the socket; null for plain HTTP.</summary>
    public SslStream? Tls { get; }

    /// <summary>What came over the socket below TLS.</summary>
    public RecordedStream? Records { get; }

    public X509Certificate2 Certificate => new(Tls!.RemoteCertificate!);

    public WireReader Reader { get; }

    public static async Task<RawClient> Connect(IPEndPoint address, TimeSpan? limit = null)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await Wait.For(socket.ConnectAsync(address), $"a connection to {address}");
            return new RawClient(socket, limit);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects and shakes hands; a handshake that fails is the exception of <see cref="SslStream"/>.</summary>
    public static async Task<RawClient> ConnectTls(
        IPEndPoint address, string serverName, TlsOptions options, TimeSpan? limit = null)
    {
        var plain = await Connect(address);
        try
        {
            var records = new RecordedStream(new NetworkStream(plain.Socket), options.MostBytesPerWrite);
            var tls = new SslStream(records);
            await Wait.For(tls.AuthenticateAsClientAsync(options.For(serverName)), $"the handshake with {serverName}");
            return new RawClient(plain.Socket, tls, records, limit);
        }
        catch
        {
            plain.Socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends text as Latin-1: each character is one byte.</summary>
    public Task Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        if (Tls != null)
        {
            await Tls.WriteAsync(bytes);
            return;
        }
        while (bytes.Length > 0)
            bytes = bytes[await Socket.SendAsync(bytes, SocketFlags.None)..];
    }

    /// <summary>Ends this side of TLS and of the connection beneath; the other side may go on.</summary>
    public async Task HalfCloseTls()
    {
        await Tls!.ShutdownAsync();
        HalfClose();
    }

    /// <summary>Ends this side of TLS, with close_notify; the connection beneath stays open.</summary>
    public Task SayGoodbye() => Tls!.ShutdownAsync();

    /// <summary>From now on bytes leave together, and with the end (TCP_CORK): the other side sees them at one time.</summary>
    public void HoldBack() => Socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, 3, BitConverter.GetBytes(1));

    public void HalfClose() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next response, an interim one (1xx) too.</summary>
    public async Task<Response> Read(string requestMethod = "GET")
    {
        var head = await ReadHead();
        var body = BodyOf(head, requestMethod);
        return new Response(head, await body.ReadAll(), body.Trailers, body.Framing);
    }

    public async Task<MessageHead> ReadHead() =>
        await Reader.ReadHead() ?? throw new TruncatedMessageException($"the connection ended ({Reader.End}) before an answer");

    public IncomingBody BodyOf(MessageHead head, string requestMethod = "GET") =>
        IncomingBody.OfResponse(Reader, head, requestMethod);

    /// <summary>The next response that is not an interim one.</summary>
    public async Task<Response> ReadFinal(string requestMethod = "GET")
    {
        for (; ; )
        {
            var response = await Read(requestMethod);
            if (response.Status is >= 200 or 101)
                return response;
        }
    }

    public async Task<Response> Exchange(string request)
    {
        await Send(request);
        return await Read(request.Split(' ')[0]);
    }

    public Task<Response> Get(string domain, string target = "/", string fields = "") =>
        Exchange($"GET {target} HTTP/1.1\r\nHost: {domain}\r\n{fields}\r\n");

    /// <summary>Expects that nothing more comes, and returns how the connection ended.</summary>
    public async Task<ConnectionEnd> ReadEnd()
    {
        Assert.Equal("", await Reader.ReadToEnd());
        return Reader.End!.Value;
    }

    /// <summary>Asks for an upgrade and expects it to be granted.</summary>
    public async Task Upgrade(string domain, string target = "/tunnel")
    {
        var response = await Exchange(
            $"GET {target} HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n");
        Assert.Equal(101, response.Status);
    }

    /// <summary>Sends bytes through a tunnel to an echo, and expects them back.</summary>
    public async Task ExpectEcho(string text)
    {
        await Send(text);
        Assert.Equal(text, Encoding.Latin1.GetString(await Reader.ReadExactly(text.Length)));
    }

    /// <summary>Ends the connection with a reset, as a client that vanishes does.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Socket.Dispose();
        return ValueTask.CompletedTask;
    }
}

using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>Where the clients of a load go: a domain without a certificate, and one with.</summary>
public sealed record LoadSite(IPAddress Address, X509Certificate2 Root)
{
    public const string Plain = "plain.example.com";
    public const string Secure = "secure.example.com";

    private readonly IPEndPoint _http = new(Address, 80);
    private readonly IPEndPoint _https = new(Address, 443);

    public static string Domain(bool isTls) => isTls ? Secure : Plain;

    public Task<RawClient> Connect(bool isTls) => isTls
        ? RawClient.ConnectTls(_https, Secure, new TlsOptions { Root = Root })
        : RawClient.Connect(_http);

    /// <summary>A client with connections of its own, which resumes TLS sessions where hotcore lets it.</summary>
    public SocketsHttpHandler Handler() => DotNetClient.Handler(_http, _https, Root);

    public static HttpRequestMessage Request(HttpMethod method, string path, bool isTls, Version version) =>
        new(method, $"{(isTls ? "https" : "http")}://{Domain(isTls)}{path}")
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
}

/// <summary>
/// A client that sends one request after the other on one connection, and opens another only where hotcore has announced the
/// end of this one. Any other end is an exception. One caller at a time.
/// </summary>
public sealed class KeptAliveClient(LoadSite site, bool isTls) : IAsyncDisposable
{
    private RawClient? _connection;

    /// <summary>The body of the answer to a GET, which has to be 200.</summary>
    public async Task<string> Get(string domain, string path)
    {
        var isKept = false;
        try
        {
            _connection ??= await Connect();
            var response = await _connection.Get(domain, path);
            Assert.Equal(200, response.Status);
            isKept = response.Fields["Connection"] is not { } option || !option.Equals("close", StringComparison.OrdinalIgnoreCase);
            if (!isKept)
                Assert.Equal(ConnectionEnd.Closed, await _connection.ReadEnd());
            return response.Text;
        }
        finally
        {
            if (!isKept)
                await DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not { } connection)
            return;
        _connection = null;
        await connection.DisposeAsync();
    }

    private async Task<RawClient> Connect()
    {
        var connection = await site.Connect(isTls);
        connection.Reader.IsRecording = false;
        return connection;
    }
}

/// <summary>A WebSocket whose messages come back, each with its number. One caller at a time.</summary>
public sealed class EchoingWebSocket : IDisposable
{
    private readonly SocketsHttpHandler _handler;
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _received = new byte[1024];
    private int _count;

    private EchoingWebSocket(SocketsHttpHandler handler) => _handler = handler;

    public static async Task<EchoingWebSocket> Open(LoadSite site, bool isTls, Version version)
    {
        var socket = new EchoingWebSocket(site.Handler());
        try
        {
            socket._socket.Options.HttpVersion = version;
            socket._socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            var uri = new Uri($"{(isTls ? "wss" : "ws")}://{LoadSite.Domain(isTls)}/websocket");
            using var through = new HttpMessageInvoker(socket._handler, disposeHandler: false);
            await Wait.For(socket._socket.ConnectAsync(uri, through, default), "a WebSocket");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends the next message and expects it back.</summary>
    public async Task Echo()
    {
        var message = $"message {_count++}";
        await _socket.SendAsync(Encoding.ASCII.GetBytes(message), WebSocketMessageType.Text, true, default);
        var length = await Wait.For(WebSocketMessages.Read(_socket, _received), $"the echo of {message}");
        Assert.Equal(message, length < 0 ? "the end" : Encoding.ASCII.GetString(_received, 0, length));
    }

    /// <summary>Closes it in good order.</summary>
    public Task Close() =>
        Wait.For(_socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", default), "the closing handshake");

    public void Dispose()
    {
        _socket.Dispose();
        _handler.Dispose();
    }
}

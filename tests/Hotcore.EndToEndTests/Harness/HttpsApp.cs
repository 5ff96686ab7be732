using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// An app that speaks HTTPS on its port, and meets plain HTTP as one of the many servers does: answers literal bytes, or nothing,
/// and closes. Over TLS it repeats each request's method and target; an upgrade is granted and its bytes sent back.
/// </summary>
public sealed class HttpsApp : IAsyncDisposable
{
    private const byte Handshake = 0x16;

    // tcp(7): what is written meanwhile leaves in one piece.
    private const int Tcp = 6;
    private const int Cork = 3;

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly string _toPlain;
    private readonly ConcurrentQueue<string> _requests = new();
    private volatile bool _speaksPlain;
    private volatile Task _isFree = Task.CompletedTask;

    private readonly string[] _records;

    private HttpsApp(string toPlain, string[] records)
    {
        (_toPlain, _records) = (toPlain, records);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(64);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = AcceptAll();
    }

    /// <summary>A certificate that nobody would trust.</summary>
    public static X509Certificate2 SelfSigned { get; } = MakeCertificate();

    public int Port { get; }

    /// <summary>The method and target of every request that it has carried out.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>Where <paramref name="records"/> are given, they are the answer to each request, each a record of TLS, all in one piece.</summary>
    public static HttpsApp Start(string toPlain, params string[] records) => new(toPlain, records);

    /// <summary>From now on it speaks plain HTTP, and meets TLS with nothing, as an app that was set up anew.</summary>
    public void SpeakPlain() => _speaksPlain = true;

    /// <summary>Has no thread to shake hands with until <paramref name="end"/>.</summary>
    public void BeBusyUntil(Task end) => _isFree = end;

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        return ValueTask.CompletedTask;
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=app", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(-1));
        return X509CertificateLoader.LoadPkcs12(
            certificate.Export(X509ContentType.Pfx), null, X509KeyStorageFlags.Exportable);
    }

    private async Task AcceptAll()
    {
        try
        {
            for (; ; )
            {
                var socket = await _listener.AcceptAsync();
                _ = Task.Run(() => Serve(socket));
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // That is how it ends.
        }
    }

    private async Task Serve(Socket socket)
    {
        using (socket)
        {
            try
            {
                var first = new byte[1];
                if (await socket.ReceiveAsync(first, SocketFlags.Peek) == 0)
                    return;
                using var stream = new NetworkStream(socket);
                if ((first[0] == Handshake) == _speaksPlain)
                    await MeetTheOther(socket, stream);
                else if (_speaksPlain)
                    await Answer(new WireReader(stream, limit: null), stream, socket);
                else
                    await ServeTls(socket, stream);
            }
            catch (Exception ended) when (ended is IOException or SocketException or TruncatedMessageException)
            {
                // hotcore ended the connection.
            }
        }
    }

    private async Task MeetTheOther(Socket socket, NetworkStream stream)
    {
        // All of it, so that closing is no reset.
        await socket.ReceiveAsync(new byte[65_536], SocketFlags.None);
        await stream.WriteAsync(Encoding.Latin1.GetBytes(_speaksPlain ? "" : _toPlain));
    }

    private async Task ServeTls(Socket socket, NetworkStream stream)
    {
        await _isFree;
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(SelfSigned);
        await Answer(new WireReader(tls, limit: null), tls, socket);
    }

    private async Task Answer(WireReader reader, Stream stream, Socket socket)
    {
        while (await reader.ReadHead() is { } head)
        {
            await IncomingBody.OfRequest(reader, head).ReadAll();
            _requests.Enqueue($"{head.Method} {head.Target}");
            if (_records.Length > 0)
            {
                socket.SetRawSocketOption(Tcp, Cork, [1, 0, 0, 0]);
                foreach (var record in _records)
                    await stream.WriteAsync(Encoding.Latin1.GetBytes(record));
                socket.SetRawSocketOption(Tcp, Cork, [0, 0, 0, 0]);
                continue;
            }
            var isUpgrade = head.Fields["Upgrade"] != null;
            await stream.WriteAsync(Encoding.Latin1.GetBytes(
                isUpgrade ? Answers.SwitchingProtocols : Answers.Ok($"{head.Method} {head.Target}")));
            if (isUpgrade)
                await Echo(reader, stream);
        }
    }

    private static async Task Echo(WireReader reader, Stream stream)
    {
        var buffer = new byte[4096];
        for (int read; (read = await reader.Read(buffer)) > 0;)
            await stream.WriteAsync(buffer.AsMemory(0, read));
    }
}

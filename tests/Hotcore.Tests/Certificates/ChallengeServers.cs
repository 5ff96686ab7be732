using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Certificates.Acme;

namespace Hotcore.Certificates;

/// <summary>Ports that a CA looks at, answered from the boards: what the loops do in the program that ships.</summary>
internal sealed class ChallengeServers : IDisposable
{
    private readonly TcpListener _httpListener = new(IPAddress.Loopback, 0);
    private readonly TcpListener _tlsListener = new(IPAddress.Loopback, 0);

    public ChallengeServers(HttpChallenges http, TlsChallenges tls)
    {
        _httpListener.Start();
        _tlsListener.Start();
        _ = AcceptAsync(_httpListener, client => AnswerAsync(client, http));
        _ = AcceptAsync(_tlsListener, client => ShakeHandsAsync(client, tls));
    }

    public int HttpPort => ((IPEndPoint)_httpListener.LocalEndpoint).Port;

    public int TlsPort => ((IPEndPoint)_tlsListener.LocalEndpoint).Port;

    public void Dispose()
    {
        _httpListener.Dispose();
        _tlsListener.Dispose();
    }

    private static async Task AcceptAsync(TcpListener listener, Func<TcpClient, Task> serve)
    {
        try
        {
            while (true) _ = serve(await listener.AcceptTcpClientAsync());
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // Disposed: the test is over.
        }
    }

    private static async Task AnswerAsync(TcpClient client, HttpChallenges challenges)
    {
        using (client)
        {
            using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
            var line = await reader.ReadLineAsync() ?? "";
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
                // The fields of the request do not matter.
            }
            var path = line.Split(' ') is [_, var target, ..] ? target : "";
            var token = path.Replace(HttpChallenges.PathPrefix, "", StringComparison.Ordinal);
            var isFound = challenges.TryFind(Encoding.ASCII.GetBytes(token), out var body);
            var status = isFound ? "200 OK" : "404 Not Found";
            var head = $"HTTP/1.1 {status}\r\nContent-Length: {body?.Length ?? 0}\r\nConnection: close\r\n\r\n";
            await client.GetStream().WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body ?? []]);
        }
    }

    private static async Task ShakeHandsAsync(TcpClient client, TlsChallenges challenges)
    {
        using (client)
        {
            await using var stream = new SslStream(client.GetStream());
            try
            {
                await stream.AuthenticateAsServerAsync((_, hello, _, _) => Select(hello, challenges), null, default);
            }
            catch (Exception failure) when (failure is IOException or AuthenticationException)
            {
                // The CA says for itself what it did not like.
            }
        }
    }

    private static ValueTask<SslServerAuthenticationOptions> Select(SslClientHelloInfo hello, TlsChallenges challenges)
    {
        if (!challenges.TryFind(Encoding.ASCII.GetBytes(hello.ServerName), ChallengeKind.Tls, out var challenge))
            throw new IOException($"no challenge for {hello.ServerName}");
        var certificate = PemEncoding.WriteString("CERTIFICATE", challenge.CertificateDer);
        var key = PemEncoding.WriteString("PRIVATE KEY", challenge.KeyPkcs8);
        return ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificate = X509Certificate2.CreateFromPem(certificate, key),
            ApplicationProtocols = [new SslApplicationProtocol(TlsChallenges.Protocol)],
        });
    }
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>.NET's own HTTP client, connected to hotcore whatever the name.</summary>
public static class DotNetClient
{
    public static HttpClient For(RunningHotcore hotcore) =>
        new(Handler(hotcore)) { Timeout = Timeout.InfiniteTimeSpan };

    public static SocketsHttpHandler Handler(RunningHotcore hotcore) =>
        Handler(hotcore.Http, hotcore.Https, TlsOptions.RootOf(hotcore.LocalCaFile));

    /// <summary>The same for a hotcore elsewhere, whose certificates one root has signed.</summary>
    public static SocketsHttpHandler Handler(IPEndPoint http, IPEndPoint https, X509Certificate2 root)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            // A client that waits for a 100 really waits for it.
            Expect100ContinueTimeout = Timeout.InfiniteTimeSpan,
            ConnectCallback = async (context, stop) =>
            {
                var isTls = context.DnsEndPoint.Port == https.Port;
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(isTls ? https : http, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.CertificateChainPolicy = new TlsOptions { Root = root }.For("").CertificateChainPolicy;
        return handler;
    }

    public static Uri Site(RunningHotcore hotcore, string domain, bool isTls) => new(
        isTls ? $"https://{domain}:{hotcore.Https.Port}/" : $"http://{domain}:{hotcore.Http.Port}/");
}

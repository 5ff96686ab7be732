using System.Net.Sockets;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>.NET's own HTTP client, connected to hotcore whatever the name.</summary>
public static class DotNetClient
{
    public static HttpClient For(RunningHotcore hotcore) =>
        new(Handler(hotcore)) { Timeout = Timeout.InfiniteTimeSpan };

    public static SocketsHttpHandler Handler(RunningHotcore hotcore)
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
                var isTls = context.DnsEndPoint.Port == hotcore.Https.Port;
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(isTls ? hotcore.Https : hotcore.Http, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        var root = TlsOptions.RootOf(hotcore.LocalCaFile);
        handler.SslOptions.CertificateChainPolicy = new TlsOptions { Root = root }.For("").CertificateChainPolicy;
        return handler;
    }

    public static Uri Site(RunningHotcore hotcore, string domain, bool isTls) => new(
        isTls ? $"https://{domain}:{hotcore.Https.Port}/" : $"http://{domain}:{hotcore.Http.Port}/");
}

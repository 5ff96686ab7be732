using System.Net;
using System.Net.Sockets;

namespace Hotcore;

/// <summary>An app, as far as that can be seen without asking it.</summary>
internal static class AppListener
{
    /// <summary>
    /// Listens on a free port other than the control port, which is refused as an app's: what is free for TCP may be hotcore's
    /// for UDP.
    /// </summary>
    public static TcpListener Open(int controlPort, out int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        if (port != controlPort) return listener;
        using (listener) return Open(controlPort, out port); // Held meanwhile, so that it is not drawn again.
    }
}

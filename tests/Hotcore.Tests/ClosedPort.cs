using System.Net;
using System.Net.Sockets;

namespace Hotcore;

/// <summary>A TCP port where nobody listens, nor can by chance: it is bound, for all addresses, for as long as a test needs it.</summary>
internal sealed class ClosedPort : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };

    public ClosedPort() => _socket.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));

    public int Number => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    public void Dispose() => _socket.Dispose();
}

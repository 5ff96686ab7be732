using System.Net;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Ports for programs that cannot choose one themselves: below the range that the kernel takes free ports from, so that no other
/// socket of the tests gets one while its program starts or is being restarted, and above the numbers that tests map to.
/// </summary>
public static class FreePort
{
    private const int First = 20_000;
    private const int Count = 12_000;

    // Not always the same: the tests of two checkouts may run at a time.
    private static int _next = Random.Shared.Next(Count);

    /// <summary>One that nobody has, in TCP and in UDP, and that no other test is given.</summary>
    public static int Take()
    {
        for (; ; )
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _next) % Count);
            if (IsFree(port))
                return port;
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            foreach (var (type, protocol) in new[] { (SocketType.Stream, ProtocolType.Tcp), (SocketType.Dgram, ProtocolType.Udp) })
            {
                foreach (var loopback in new[] { IPAddress.Loopback, IPAddress.IPv6Loopback })
                {
                    // Without this .NET shares a port with whoever is bound to it and does not listen yet.
                    using var probe = new Socket(loopback.AddressFamily, type, protocol) { ExclusiveAddressUse = true };
                    probe.Bind(new IPEndPoint(loopback, port));
                }
            }
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}

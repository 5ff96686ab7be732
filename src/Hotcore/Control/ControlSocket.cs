using System.Net;
using System.Net.Sockets;

namespace Hotcore.Control;

/// <summary>Opens the sockets of the UDP interface: loopback only, one for each IP version, on one port.</summary>
internal static class ControlSocket
{
    // The kernel cuts this to net.core.rmem_max. A burst of thousands of messages has to wait somewhere.
    private const int ReceiveBufferBytes = 4 * 1024 * 1024;

    private const int Attempts = 20;

    /// <summary>Opens 127.0.0.1 and, where the machine has IPv6, ::1. Port 0 takes one that is free on both.</summary>
    /// <exception cref="SocketException">The port is taken.</exception>
    public static IReadOnlyList<Socket> Open(int port, Action<string> log)
    {
        for (var attempt = 1; ; attempt++)
        {
            var first = Bind(new IPEndPoint(IPAddress.Loopback, port));
            var chosen = ((IPEndPoint)first.LocalEndPoint!).Port;
            try
            {
                return [first, Bind(new IPEndPoint(IPAddress.IPv6Loopback, chosen))];
            }
            catch (SocketException failure) when (IsWithoutIPv6(failure.SocketErrorCode))
            {
                log($"no IPv6 on this machine ({failure.Message}): messages are taken on 127.0.0.1 only");
                return [first];
            }
            catch (SocketException) when (port == 0 && attempt < Attempts)
            {
                // Someone has this one on ::1: another port, then.
                first.Dispose();
            }
            catch (SocketException)
            {
                first.Dispose();
                throw;
            }
        }
    }

    private static bool IsWithoutIPv6(SocketError error) =>
        error is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable
            or SocketError.ProtocolNotSupported;

    private static Socket Bind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.ReceiveBufferSize = ReceiveBufferBytes;
            socket.Bind(address);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }
}

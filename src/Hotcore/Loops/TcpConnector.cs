using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>Opens and accepts TCP sockets, non-blocking. What it returns is the caller's to close.</summary>
internal static unsafe class TcpConnector
{
    private const int MostAddressBytes = 28; // struct sockaddr_in6

    /// <summary>
    /// Begins to connect to <paramref name="port"/> of 127.0.0.1 or ::1. On loopback, too, Linux decides that after the call.
    /// </summary>
    /// <returns>
    /// The descriptor, or the negated errno. Where <paramref name="isConnected"/> is false it is still connecting: await
    /// writability, then ask for the connection's error.
    /// </returns>
    public static int ConnectToLoopback(int port, bool overIPv6, out bool isConnected)
    {
        isConnected = false;
        var family = overIPv6 ? Libc.AF_INET6 : Libc.AF_INET;
        var fd = Libc.socket(family, Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -Libc.LastError;
        Libc.TrySetOption(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, 1);
        var address = stackalloc byte[MostAddressBytes];
        var length = WriteLoopback(new Span<byte>(address, MostAddressBytes), port, overIPv6);
        if (Libc.connect(fd, address, length) == 0)
        {
            isConnected = true;
            return fd;
        }

        var error = Libc.LastError;
        if (error == Libc.EINPROGRESS)
            return fd;
        _ = Libc.close(fd);
        return -error;
    }

    /// <summary>Takes one waiting connection of a listening socket: the descriptor, or the negated errno.</summary>
    public static int Accept(int listening, out IPAddress client)
    {
        var address = stackalloc byte[MostAddressBytes];
        var length = MostAddressBytes;
        var fd = Libc.accept4(listening, address, &length, Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC);
        if (fd < 0)
        {
            client = IPAddress.None;
            return -Libc.LastError;
        }

        client = ReadAddress(new ReadOnlySpan<byte>(address, length));
        return fd;
    }

    /// <summary>Closes a descriptor that nobody took over.</summary>
    public static void Discard(int fd) => _ = Libc.close(fd);

    /// <summary>How many descriptors this process may have open.</summary>
    public static long DescriptorLimit()
    {
        var limits = stackalloc ulong[2];
        return Libc.getrlimit(Libc.RLIMIT_NOFILE, limits) < 0 ? 1024 : (long)Math.Min(limits[0], int.MaxValue);
    }

    private static int WriteLoopback(Span<byte> address, int port, bool overIPv6)
    {
        address.Clear();
        MemoryMarshal.Write(address, (ushort)(overIPv6 ? Libc.AF_INET6 : Libc.AF_INET));
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], (ushort)port);
        if (!overIPv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(address[4..], 0x7F000001);
            return 16;
        }

        address[23] = 1;
        return MostAddressBytes;
    }

    private static IPAddress ReadAddress(ReadOnlySpan<byte> address) =>
        MemoryMarshal.Read<ushort>(address) == Libc.AF_INET6
            ? new IPAddress(address.Slice(8, 16))
            : new IPAddress(address.Slice(4, 4));
}

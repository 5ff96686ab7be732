using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Hotcore.Loops;
using Microsoft.Win32.SafeHandles;

namespace Hotcore.Handover;

/// <summary>
/// What connects a hotcore with its successor: a Unix socket of messages, in order, some of which bring sockets. Owns the
/// connection. Of one thread at a time.
/// </summary>
internal sealed class HandoverLink : IDisposable
{
    private const int MostBytes = 64 * 1024;

    // sun_path of unix(7) has 108, with a zero at the end.
    private const int MostPathBytes = 107;

    // SO_PEERCRED of socket(7), and where the process id is in its struct ucred.
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int CredentialBytes = 12;

    public HandoverLink(Socket connected)
    {
        Socket = connected;
        Span<byte> credentials = stackalloc byte[CredentialBytes];
        Socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        ProcessId = MemoryMarshal.Read<int>(credentials);
    }

    /// <summary>The process at the other end, or the one that made both.</summary>
    public int ProcessId { get; }

    /// <summary>The connection, for sending it to another process; it stays this object's own.</summary>
    public Socket Socket { get; }

    /// <summary>Connects with the hotcore that listens at <paramref name="path"/>.</summary>
    /// <exception cref="SocketException">Nobody listens.</exception>
    /// <exception cref="IOException">There can be no socket of that path.</exception>
    public static HandoverLink Connect(string path)
    {
        var address = Address(path);
        var socket = CreateSocket();
        try
        {
            socket.Connect(address);
            return new HandoverLink(socket);
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Two ends, both in this process, until one is sent to another.</summary>
    /// <exception cref="IOException">There are no descriptors left.</exception>
    public static (HandoverLink One, HandoverLink Other) CreatePair()
    {
        var (one, other) = PassedDescriptors.CreatePair();
        return (new HandoverLink(Own(one)), new HandoverLink(Own(other)));
    }

    /// <summary>The address of a path.</summary>
    /// <exception cref="IOException">It is too long for one.</exception>
    public static UnixDomainSocketEndPoint Address(string path) => Encoding.UTF8.GetByteCount(path) <= MostPathBytes
        ? new UnixDomainSocketEndPoint(path)
        : throw new IOException($"the path of a socket is at most {MostPathBytes} bytes long");

    /// <summary>A socket that keeps messages apart.</summary>
    public static Socket CreateSocket() => new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);

    /// <summary>Sends a message; the sockets stay this process's as well.</summary>
    /// <exception cref="EndOfStreamException">The other end is closed.</exception>
    /// <exception cref="IOException">It is broken, or takes nothing.</exception>
    public void Send(string message, params IEnumerable<Socket> sockets) => PassedDescriptors.Send(
        (int)Socket.Handle, Encoding.UTF8.GetBytes(message), [.. sockets.Select(socket => (int)socket.Handle)]);

    /// <summary>The next message, with the sockets that it brings, which are the caller's from now on.</summary>
    /// <param name="patience">How long to wait for it.</param>
    /// <exception cref="EndOfStreamException">The other end is closed.</exception>
    /// <exception cref="IOException">It is broken, or silent for too long.</exception>
    public Task<(string Message, IReadOnlyList<Socket> Sockets)> ReceiveAsync(TimeSpan patience) =>
        Task.Run(() => Receive(patience));

    /// <summary>The next message, where it is to bring nothing but words.</summary>
    /// <exception cref="EndOfStreamException">The other end is closed.</exception>
    /// <exception cref="IOException">It is broken, or silent for too long.</exception>
    public Task<string> ReceiveTextAsync(TimeSpan patience) => Task.Run(() => ReceiveText(patience));

    /// <summary>The same, but the calling thread waits.</summary>
    /// <exception cref="EndOfStreamException">The other end is closed.</exception>
    /// <exception cref="IOException">It is broken, or silent for too long.</exception>
    public string ReceiveText(TimeSpan patience)
    {
        var (message, sockets) = Receive(patience);
        foreach (var socket in sockets) socket.Dispose();
        return message;
    }

    public void Dispose() => Socket.Dispose();

    private (string Message, IReadOnlyList<Socket> Sockets) Receive(TimeSpan patience)
    {
        if (!Socket.Poll(patience, SelectMode.SelectRead))
            throw new IOException($"process {ProcessId} said nothing for {patience.TotalSeconds:0} s");
        var buffer = new byte[MostBytes];
        var descriptors = new List<int>();
        try
        {
            var length = PassedDescriptors.Receive((int)Socket.Handle, buffer, descriptors);
            if (length == 0) throw new EndOfStreamException($"process {ProcessId} ended, or gave up");
            return (Encoding.UTF8.GetString(buffer, 0, length), [.. descriptors.Select(Own)]);
        }
        catch (Exception)
        {
            foreach (var descriptor in descriptors) new SafeFileHandle(descriptor, ownsHandle: true).Dispose();
            throw;
        }
    }

    /// <summary>That a socket does not block is said of what both processes share; here it must be known as well.</summary>
    private static Socket Own(int descriptor) =>
        new(new SafeSocketHandle(descriptor, ownsHandle: true)) { Blocking = false };
}

using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>
/// Sends and receives descriptors beside a message over a Unix socket (SCM_RIGHTS, unix(7)). A descriptor that was sent is a
/// second one for the same open socket; the sender's stays the sender's. Blocks, or not, as the socket does.
/// </summary>
internal static unsafe class PassedDescriptors
{
    /// <summary>As many as go with one message.</summary>
    public const int Most = 64;

    private const int HeaderBytes = 16; // struct cmsghdr
    private const int MostControlBytes = HeaderBytes + Most * sizeof(int);

    /// <summary>Makes two sockets that are connected with each other and keep messages apart; they are the caller's to close.</summary>
    /// <exception cref="IOException">There are no descriptors left.</exception>
    public static (int One, int Other) CreatePair()
    {
        var pair = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC, 0, pair) != 0)
            throw new IOException($"cannot make a pair of sockets: {Libc.Describe(Libc.LastError)}");
        return (pair[0], pair[1]);
    }

    /// <summary>Sends one message.</summary>
    /// <exception cref="EndOfStreamException">The other end is closed.</exception>
    /// <exception cref="IOException">The connection is broken, or full.</exception>
    public static void Send(int socket, ReadOnlySpan<byte> message, ReadOnlySpan<int> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, Most);
        var control = stackalloc byte[MostControlBytes];
        var header = (ControlHeader*)control;
        header->Length = (nuint)(HeaderBytes + descriptors.Length * sizeof(int));
        header->Level = Libc.SOL_SOCKET;
        header->Type = Libc.SCM_RIGHTS;
        descriptors.CopyTo(new Span<int>(control + HeaderBytes, Most));
        nint sent;
        fixed (byte* bytes = message)
        {
            var part = new Part { Bytes = bytes, Length = (nuint)message.Length };
            var whole = new MessageHeader { Parts = &part, PartCount = 1 };
            if (descriptors.Length > 0)
            {
                whole.Control = control;
                whole.ControlLength = header->Length;
            }

            sent = Libc.sendmsg(socket, &whole, Libc.MSG_NOSIGNAL);
        }

        if (sent == message.Length)
            return;
        throw Failure("send", Libc.LastError);
    }

    /// <summary>
    /// Receives one message; returns its length, 0 where the other end is closed. What came with it is added to
    /// <paramref name="descriptors"/> and the caller's to close.
    /// </summary>
    /// <exception cref="EndOfStreamException">The other end was closed, and what was sent to it before is lost.</exception>
    /// <exception cref="IOException">The message or its descriptors did not come whole, or the connection broke.</exception>
    public static int Receive(int socket, Span<byte> buffer, ICollection<int> descriptors)
    {
        var control = stackalloc byte[MostControlBytes];
        nint received;
        MessageHeader whole;
        fixed (byte* bytes = buffer)
        {
            var part = new Part { Bytes = bytes, Length = (nuint)buffer.Length };
            whole = new MessageHeader { Parts = &part, PartCount = 1, Control = control, ControlLength = MostControlBytes };
            received = Libc.recvmsg(socket, &whole, Libc.MSG_CMSG_CLOEXEC);
        }

        if (received < 0)
            throw Failure("receive", Libc.LastError);
        var header = (ControlHeader*)control;
        if (whole.ControlLength >= HeaderBytes && header->Level == Libc.SOL_SOCKET && header->Type == Libc.SCM_RIGHTS)
        {
            foreach (var descriptor in new ReadOnlySpan<int>(control + HeaderBytes, ((int)header->Length - HeaderBytes) / sizeof(int)))
                descriptors.Add(descriptor);
        }

        if ((whole.Flags & (Libc.MSG_TRUNC | Libc.MSG_CTRUNC)) != 0)
            throw new IOException("a message was longer than any should be, or there are no descriptors left for what it brought");
        return (int)received;
    }

    /// <summary>Whoever closes an end without having read all gives the other a reset: that, too, is an end.</summary>
    private static IOException Failure(string verb, int error) => error is Libc.EPIPE or Libc.ECONNRESET
        ? new EndOfStreamException("the other end is closed")
        : new IOException($"cannot {verb} a message: {Libc.Describe(error)}");

    /// <summary>The kernel's <c>struct iovec</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Bytes;
        public nuint Length;
    }

    /// <summary>The kernel's <c>struct user_msghdr</c>, on 64 bits.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public nuint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>The kernel's <c>struct cmsghdr</c>, on 64 bits.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlHeader
    {
        public nuint Length;
        public int Level;
        public int Type;
    }
}

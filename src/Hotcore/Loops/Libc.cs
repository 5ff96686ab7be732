using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>
/// The system calls the loops are made of, and the few constants of Linux they need. Nothing here owns anything:
/// descriptors belong to the <see cref="Registration"/> that holds them. Every call is on non-blocking descriptors,
/// so none of them can block, except where it says so.
/// </summary>
/// <remarks>
/// Calls return -1 on failure and leave the reason in <see cref="Marshal.GetLastPInvokeError"/>. Pointers must stay
/// valid for the length of the call only; the kernel keeps none of them.
/// </remarks>
internal static unsafe partial class Libc
{
    public const int EAGAIN = 11;
    public const int EINTR = 4;
    public const int ENFILE = 23;
    public const int EMFILE = 24;
    public const int EPIPE = 32;
    public const int ECONNRESET = 104;
    public const int ECONNREFUSED = 111;
    public const int EINPROGRESS = 115;

    public const uint EPOLLIN = 0x001;
    public const uint EPOLLOUT = 0x004;
    public const uint EPOLLERR = 0x008;
    public const uint EPOLLHUP = 0x010;
    public const uint EPOLLRDHUP = 0x2000;
    public const uint EPOLLEXCLUSIVE = 1u << 28;
    public const uint EPOLLET = 1u << 31;

    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;

    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int SOCK_STREAM = 1;
    public const int SOCK_SEQPACKET = 5;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int SOL_SOCKET = 1;
    public const int SO_ERROR = 4;
    public const int SO_KEEPALIVE = 9;
    public const int SO_LINGER = 13;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;
    public const int TCP_KEEPIDLE = 4;
    public const int TCP_KEEPINTVL = 5;
    public const int TCP_KEEPCNT = 6;
    public const int SHUT_WR = 1;
    public const int RLIMIT_NOFILE = 7;
    public const int MSG_PEEK = 0x2;
    public const int MSG_CTRUNC = 0x8;
    public const int MSG_TRUNC = 0x20;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;
    public const int SCM_RIGHTS = 1;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, void* eventPointer);

    /// <summary>May block for <paramref name="timeoutMilliseconds"/>: an ordinary transition, so that the garbage collector need not wait.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(int epoll, void* events, int maximum, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int connect(int fd, void* address, int addressLength);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(int fd, void* address, int* addressLength, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recv(int fd, void* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint send(int fd, void* buffer, nuint length, int flags);

    /// <summary>May block, as the socket does.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendmsg(int fd, void* message, int flags);

    /// <summary>May block, as the socket does.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int fd, void* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int shutdown(int fd, int how);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int fd, int level, int option, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int getrlimit(int resource, ulong* softAndHard);

    /// <summary>The reason the last call of this thread failed.</summary>
    public static int LastError => Marshal.GetLastPInvokeError();

    /// <summary>Sets an option whose value is an int. A failure is ignored on purpose: these options only tune.</summary>
    public static void TrySetOption(int fd, int level, int option, int value) =>
        _ = setsockopt(fd, level, option, &value, sizeof(int));

    /// <summary>The words of the C library for an error number, as in "Connection refused".</summary>
    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);
}

/// <summary>
/// An array of the kernel's <c>struct epoll_event</c>, which is packed on x86-64 (12 bytes) and aligned elsewhere (16).
/// Owns its native memory; belongs to one loop.
/// </summary>
internal sealed unsafe class EpollEvents : IDisposable
{
    private static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = Stride - sizeof(ulong);

    private byte* _memory;

    public EpollEvents(int capacity)
    {
        Capacity = capacity;
        _memory = (byte*)NativeMemory.AllocZeroed((nuint)(capacity * Stride));
    }

    public int Capacity { get; }

    public void* Pointer => _memory;

    public uint Events(int index) => Unsafe.ReadUnaligned<uint>(_memory + index * Stride);

    public ulong Data(int index) => Unsafe.ReadUnaligned<ulong>(_memory + index * Stride + DataOffset);

    /// <summary>Writes one event for <see cref="Libc.epoll_ctl"/> into <paramref name="memory"/>, which must hold 16 bytes.</summary>
    public static void Write(byte* memory, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(memory, events);
        Unsafe.WriteUnaligned(memory + DataOffset, data);
    }

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
    }
}

using System.Runtime.InteropServices;
using Hotcore.Loops;

namespace Hotcore.Tls;

/// <summary>
/// What OpenSSL reads from and writes to: the connection it is working for. One method table for the process, one BIO for each
/// connection, without state of its own.
/// </summary>
internal static unsafe class SocketBio
{
    private const int AllFlags = OpenSsl.BIO_FLAGS_READ | OpenSsl.BIO_FLAGS_WRITE | OpenSsl.BIO_FLAGS_SHOULD_RETRY;

    private static readonly nint Method = MakeMethod();

    /// <summary>Makes a BIO, which is the caller's until an SSL object takes it; 0 when OpenSSL has no memory.</summary>
    public static nint Create()
    {
        var bio = OpenSsl.BIO_new(Method);
        if (bio != 0)
            OpenSsl.BIO_set_init(bio, 1);
        return bio;
    }

    private static nint MakeMethod()
    {
        var method = OpenSsl.BIO_meth_new(OpenSsl.BIO_get_new_index() | OpenSsl.BIO_TYPE_SOURCE_SINK, "hotcore connection");
        _ = OpenSsl.BIO_meth_set_read(method, &Read);
        _ = OpenSsl.BIO_meth_set_write(method, &Write);
        _ = OpenSsl.BIO_meth_set_ctrl(method, &Control);
        return method;
    }

    [UnmanagedCallersOnly]
    private static int Read(nint bio, byte* buffer, int length) =>
        Answer(bio, TlsConnection.Current.TryReceivePlain(new Span<byte>(buffer, length)), OpenSsl.BIO_FLAGS_READ);

    [UnmanagedCallersOnly]
    private static int Write(nint bio, byte* bytes, int length) =>
        Answer(bio, TlsConnection.Current.TrySendPlain(new ReadOnlySpan<byte>(bytes, length)), OpenSsl.BIO_FLAGS_WRITE);

    /// <summary>Nothing here is buffered, so flushing always succeeds; there is nothing else to control (BIO_ctrl(3)).</summary>
    [UnmanagedCallersOnly]
    private static nint Control(nint bio, int command, nint number, void* pointer) =>
        command == OpenSsl.BIO_CTRL_FLUSH ? 1 : 0;

    private static int Answer(nint bio, int result, int direction)
    {
        OpenSsl.BIO_clear_flags(bio, AllFlags);
        if (result == Connection.WouldBlock)
            OpenSsl.BIO_set_flags(bio, direction | OpenSsl.BIO_FLAGS_SHOULD_RETRY);
        return result >= 0 ? result : -1;
    }
}

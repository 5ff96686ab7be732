using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Hotcore.Tls;

/// <summary>A client of TLS 1.3 that changes its keys when it likes (RFC 8446 4.6.3), which .NET's own never does.</summary>
internal sealed partial class KeyChangingClient : IDisposable
{
    private const string Ssl = "libssl.so.3";
    private const int SetServerName = 55;

    private readonly Socket _socket;
    private readonly nint _context = SSL_CTX_new(TLS_client_method());
    private readonly nint _ssl;

    /// <summary>Shakes hands over a connected socket, which it owns from now on, and trusts whatever it is shown.</summary>
    public KeyChangingClient(Socket socket, string serverName)
    {
        _socket = socket;
        _ssl = SSL_new(_context);
        var name = Marshal.StringToCoTaskMemUTF8(serverName);
        SSL_ctrl(_ssl, SetServerName, 0, name);
        Marshal.FreeCoTaskMem(name);
        Check(SSL_set_fd(_ssl, (int)socket.Handle));
        Check(SSL_connect(_ssl));
    }

    public void ChangeKeys()
    {
        const int notRequested = 0;
        Check(SSL_key_update(_ssl, notRequested));
        Check(SSL_do_handshake(_ssl));
    }

    public void Send(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        Check(SSL_write(_ssl, bytes, bytes.Length));
    }

    public void Dispose()
    {
        SSL_free(_ssl);
        SSL_CTX_free(_context);
        _socket.Dispose();
    }

    private static void Check(int result)
    {
        if (result <= 0) throw new IOException("OpenSSL refused, or the other side is gone");
    }

    [LibraryImport(Ssl)]
    private static partial nint TLS_client_method();

    [LibraryImport(Ssl)]
    private static partial nint SSL_CTX_new(nint method);

    [LibraryImport(Ssl)]
    private static partial void SSL_CTX_free(nint context);

    [LibraryImport(Ssl)]
    private static partial nint SSL_new(nint context);

    [LibraryImport(Ssl)]
    private static partial void SSL_free(nint ssl);

    [LibraryImport(Ssl)]
    private static partial long SSL_ctrl(nint ssl, int command, long number, nint pointer);

    [LibraryImport(Ssl)]
    private static partial int SSL_set_fd(nint ssl, int descriptor);

    [LibraryImport(Ssl)]
    private static partial int SSL_connect(nint ssl);

    [LibraryImport(Ssl)]
    private static partial int SSL_key_update(nint ssl, int kind);

    [LibraryImport(Ssl)]
    private static partial int SSL_do_handshake(nint ssl);

    [LibraryImport(Ssl)]
    private static partial int SSL_write(nint ssl, byte[] bytes, int length);
}

namespace Hotcore.Tls;

/// <summary>
/// How hotcore speaks TLS as a client: to apps of this machine that speak nothing else. Their certificates are not checked, nor is a
/// name sent: the way is loopback, and one connection serves all domains of a port. Owns the SSL_CTX, for the life of the process.
/// Of any thread once made.
/// </summary>
internal sealed unsafe class TlsClientContext
{
    private static readonly Lazy<TlsClientContext?> Http11 = new(() => TryMake("\bhttp/1.1"u8));
    private static readonly Lazy<TlsClientContext?> Http2 = new(() => TryMake("\u0002h2"u8));

    private TlsClientContext(nint handle) => Handle = handle;

    internal nint Handle { get; }

    /// <summary>The context for HTTP/1.1 or HTTP/2 (RFC 7301); null where OpenSSL is missing. The first call takes milliseconds.</summary>
    public static TlsClientContext? For(bool isHttp2) => (isHttp2 ? Http2 : Http11).Value;

    private static TlsClientContext? TryMake(ReadOnlySpan<byte> protocols)
    {
        try
        {
            OpenSsl.Load();
        }
        catch (TlsUnavailableException)
        {
            return null; // The start said so; an app that speaks TLS stays unreachable.
        }

        var handle = OpenSsl.SSL_CTX_new(OpenSsl.TLS_client_method());
        if (handle == 0)
            return null;
        // Old devices and self-made certificates are what such apps have; over loopback nobody is there to profit from it.
        _ = OpenSsl.SSL_CTX_set_cipher_list(handle, "DEFAULT:@SECLEVEL=0");
        fixed (byte* list = protocols)
            _ = OpenSsl.SSL_CTX_set_alpn_protos(handle, list, (uint)protocols.Length);
        OpenSsl.SSL_CTX_set_options(handle, OpenSsl.SSL_OP_NO_COMPRESSION | OpenSsl.SSL_OP_IGNORE_UNEXPECTED_EOF);
        TlsContext.SetModes(handle);
        return new TlsClientContext(handle);
    }
}

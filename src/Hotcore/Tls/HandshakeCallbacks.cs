using System.Runtime.InteropServices;

namespace Hotcore.Tls;

/// <summary>What OpenSSL calls during a handshake, and for its messages later on, on the loop of the connection that is in it.</summary>
internal static unsafe class HandshakeCallbacks
{
    private const int ProtocolsLengthBytes = 2;

    // OpenSSL keeps a pointer to the protocol chosen, so they live for ever.
    private static readonly byte* Http2 = Keep("h2"u8);
    private static readonly byte* Http11 = Keep("http/1.1"u8);
    private static readonly byte* AcmeTls = Keep("acme-tls/1"u8);

    /// <summary>The ClientHello is there, nothing of it is acted on yet (SSL_CTX_set_client_hello_cb(3)).</summary>
    [UnmanagedCallersOnly]
    public static int ReceiveClientHello(nint ssl, int* alert, void* argument)
    {
        var name = ClientHello.ServerName(Extension(ssl, OpenSsl.TLSEXT_TYPE_server_name));
        var protocols = Extension(ssl, OpenSsl.TLSEXT_TYPE_application_layer_protocol_negotiation);
        var isChallenge = protocols.Length > ProtocolsLengthBytes
            && ClientHello.Offers(protocols[ProtocolsLengthBytes..], "acme-tls/1"u8);
        return TlsConnection.Current.AnswerClientHello(name, isChallenge, out *alert);
    }

    /// <summary>Chooses the protocol (RFC 7301): a client that offers some, and none of ours, is refused.</summary>
    [UnmanagedCallersOnly]
    public static int SelectProtocol(nint ssl, byte** chosen, byte* chosenLength, byte* offered, uint offeredLength, void* argument)
    {
        var offer = new ReadOnlySpan<byte>(offered, (int)offeredLength);
        var connection = TlsConnection.Current;
        if (connection.IsChallenge)
            return Choose(offer, AcmeTls, "acme-tls/1"u8.Length, chosen, chosenLength);
        connection.SpeaksHttp2 = Choose(offer, Http2, "h2"u8.Length, chosen, chosenLength) == OpenSsl.SSL_TLSEXT_ERR_OK;
        return connection.SpeaksHttp2
            ? OpenSsl.SSL_TLSEXT_ERR_OK
            : Choose(offer, Http11, "http/1.1"u8.Length, chosen, chosenLength);
    }

    private static int Choose(ReadOnlySpan<byte> offer, byte* protocol, int length, byte** chosen, byte* chosenLength)
    {
        if (!ClientHello.Offers(offer, new ReadOnlySpan<byte>(protocol, length)))
            return OpenSsl.SSL_TLSEXT_ERR_ALERT_FATAL;
        *chosen = protocol;
        *chosenLength = (byte)length;
        return OpenSsl.SSL_TLSEXT_ERR_OK;
    }

    /// <summary>
    /// Once for each message of a handshake, or after it, and for each alert (SSL_CTX_set_info_callback(3)); never for data.
    /// </summary>
    [UnmanagedCallersOnly]
    public static void NoteStep(nint ssl, int where, int value)
    {
        if ((where & (OpenSsl.SSL_CB_LOOP | OpenSsl.SSL_CB_ALERT)) != 0)
            TlsConnection.Current.CountMessage();
    }

    private static ReadOnlySpan<byte> Extension(nint ssl, uint type)
    {
        byte* value;
        nuint length;
        return OpenSsl.SSL_client_hello_get0_ext(ssl, type, &value, &length) == 1
            ? new ReadOnlySpan<byte>(value, (int)length)
            : default;
    }

    private static byte* Keep(ReadOnlySpan<byte> text)
    {
        var memory = (byte*)NativeMemory.Alloc((nuint)text.Length);
        text.CopyTo(new Span<byte>(memory, text.Length));
        return memory;
    }
}

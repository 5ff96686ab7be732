using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Hotcore.Tls;

/// <summary>
/// How hotcore speaks TLS, the same for all connections: versions, suites, tickets, and which certificate a client gets. Owns
/// the SSL_CTX, for the life of the process. Of any thread once made.
/// </summary>
internal sealed unsafe class TlsContext
{
    // Mozilla's "intermediate" choice without finite-field Diffie-Hellman; AES-128 first, as it costs the least.
    private const string Tls12Ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

    private const string Tls13Suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
    private const string Groups = "X25519:P-256:P-384";
    private const string PostQuantumGroups = "X25519MLKEM768:" + Groups;

    private static TicketKeys? _ticketKeys;

    /// <summary>Makes the context; there is one in a process.</summary>
    /// <exception cref="TlsUnavailableException">OpenSSL is missing, or refuses what hotcore needs.</exception>
    public TlsContext(ChooseCertificate choose, AwaitCertificate awaitCertificate, TimeProvider clock)
    {
        OpenSsl.Load();
        (Choose, AwaitCertificate) = (choose, awaitCertificate);
        _ticketKeys ??= new TicketKeys(clock);
        Handle = OpenSsl.SSL_CTX_new(OpenSsl.TLS_server_method());
        Check(Handle != 0, "make a TLS context");
        SetProtocol();
        SetModes(Handle);
        fixed (byte* id = "hotcore"u8)
            Check(OpenSsl.SSL_CTX_set_session_id_context(Handle, id, 7) == 1, "name the sessions");
        OpenSsl.SSL_CTX_set_client_hello_cb(Handle, &HandshakeCallbacks.ReceiveClientHello, null);
        OpenSsl.SSL_CTX_set_alpn_select_cb(Handle, &HandshakeCallbacks.SelectProtocol, null);
        OpenSsl.SSL_CTX_set_info_callback(Handle, &HandshakeCallbacks.NoteStep);
        Check(OpenSsl.SSL_CTX_set_tlsext_ticket_key_evp_cb(Handle, &UseTicketKey) == 1, "set up session tickets");
    }

    /// <summary>What sessions are resumed with.</summary>
    public TicketKeys TicketKeys => _ticketKeys!;

    internal nint Handle { get; }

    internal ChooseCertificate Choose { get; }

    internal AwaitCertificate AwaitCertificate { get; }

    private void SetProtocol()
    {
        Check(
            OpenSsl.SSL_CTX_ctrl(Handle, OpenSsl.SSL_CTRL_SET_MIN_PROTO_VERSION, OpenSsl.TLS1_2_VERSION, null) == 1,
            "require TLS 1.2");
        Check(OpenSsl.SSL_CTX_set_cipher_list(Handle, Tls12Ciphers) == 1, "set the ciphers of TLS 1.2");
        Check(OpenSsl.SSL_CTX_set_ciphersuites(Handle, Tls13Suites) == 1, "set the suites of TLS 1.3");
        // Libraries before 3.5 do not know the post-quantum group and refuse the whole list.
        Check(TrySetGroups(PostQuantumGroups) || TrySetGroups(Groups), "set the groups");
        OpenSsl.SSL_CTX_set_options(
            Handle,
            OpenSsl.SSL_OP_NO_COMPRESSION | OpenSsl.SSL_OP_NO_RENEGOTIATION | OpenSsl.SSL_OP_CIPHER_SERVER_PREFERENCE
            | OpenSsl.SSL_OP_PRIORITIZE_CHACHA | OpenSsl.SSL_OP_IGNORE_UNEXPECTED_EOF);
    }

    /// <summary>What suits a <see cref="TlsConnection"/> at either end.</summary>
    internal static void SetModes(nint context)
    {
        OpenSsl.SSL_CTX_ctrl(
            context, OpenSsl.SSL_CTRL_MODE,
            OpenSsl.SSL_MODE_ENABLE_PARTIAL_WRITE | OpenSsl.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
            | OpenSsl.SSL_MODE_RELEASE_BUFFERS, null);
        // One receive takes a whole record instead of its five-byte head first.
        OpenSsl.SSL_CTX_ctrl(context, OpenSsl.SSL_CTRL_SET_READ_AHEAD, 1, null);
        // Sessions travel in tickets; nothing is kept here.
        OpenSsl.SSL_CTX_ctrl(context, OpenSsl.SSL_CTRL_SET_SESS_CACHE_MODE, 0, null);
    }

    private bool TrySetGroups(string groups)
    {
        var text = Marshal.StringToCoTaskMemUTF8(groups);
        try
        {
            var isSet = OpenSsl.SSL_CTX_ctrl(Handle, OpenSsl.SSL_CTRL_SET_GROUPS_LIST, 0, (void*)text) == 1;
            OpenSsl.ERR_clear_error();
            return isSet;
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    private static void Check(bool isDone, string what)
    {
        if (!isDone)
            throw new TlsUnavailableException($"OpenSSL cannot {what}: {OpenSsl.TakeError()}");
    }

    /// <summary>OpenSSL asks for the key of a ticket: 1 yes, 2 yes but renew the ticket, 0 no, -1 failure (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).</summary>
    [UnmanagedCallersOnly]
    private static int UseTicketKey(nint ssl, byte* name, byte* iv, nint cipher, nint mac, int isEncrypting)
    {
        try
        {
            if (isEncrypting == 0)
            {
                var found = _ticketKeys!.Find(new ReadOnlySpan<byte>(name, TicketKeys.NameBytes), out var isNewest);
                if (found is null)
                    return 0;
                if (!Begin(found, iv, cipher, mac, isEncrypting: false))
                    return -1;
                // A ticket of TLS 1.3 is for one use (RFC 8446 C.4), so whoever uses one gets another.
                return isNewest && OpenSsl.SSL_version(ssl) < OpenSsl.TLS1_3_VERSION ? 1 : 2;
            }

            var key = _ticketKeys!.Newest;
            key.Name.CopyTo(new Span<byte>(name, TicketKeys.NameBytes));
            RandomNumberGenerator.Fill(new Span<byte>(iv, 16));
            return Begin(key, iv, cipher, mac, isEncrypting: true) ? 1 : -1;
        }
        catch (CryptographicException)
        {
            return -1; // No exception may cross into OpenSSL; the handshake fails, or goes on without a ticket.
        }
    }

    private static bool Begin(TicketKeys.Key key, byte* iv, nint cipher, nint mac, bool isEncrypting)
    {
        fixed (byte* cipherKey = key.Cipher, macKey = key.Mac, digestName = "digest\0"u8, digest = "SHA256\0"u8)
        {
            var parameters = stackalloc OsslParameter[2];
            parameters[0] = new OsslParameter
            {
                Name = digestName,
                Type = OsslParameter.Utf8String,
                Value = digest,
                Length = 6,
                ReturnLength = nuint.MaxValue,
            };
            parameters[1] = default;
            if (OpenSsl.EVP_MAC_init(mac, macKey, (nuint)key.Mac.Length, parameters) != 1)
                return false;
            return 1 == (isEncrypting
                ? OpenSsl.EVP_EncryptInit_ex(cipher, OpenSsl.EVP_aes_256_cbc(), 0, cipherKey, iv)
                : OpenSsl.EVP_DecryptInit_ex(cipher, OpenSsl.EVP_aes_256_cbc(), 0, cipherKey, iv));
        }
    }
}

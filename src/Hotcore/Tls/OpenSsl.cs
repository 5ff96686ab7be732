using System.Reflection;
using System.Runtime.InteropServices;

namespace Hotcore.Tls;

/// <summary>
/// The functions of OpenSSL 3 that hotcore calls, by their own names. Nothing outside of this folder knows that OpenSSL
/// exists, and nothing here owns anything: handles belong to <see cref="TlsContext"/>, <see cref="TlsCertificate"/>,
/// <see cref="TlsConnection"/> and <see cref="KeyProof"/>.
/// </summary>
internal static unsafe partial class OpenSsl
{
    private const string Ssl = "hotcore-libssl";
    private const string Crypto = "hotcore-libcrypto";

    // The newest that is known to keep these functions comes last: a machine has the one its distribution maintains.
    private static readonly string[] Versions = ["3", "4"];

    public const int SSL_CTRL_MODE = 33;
    public const int SSL_CTRL_SET_READ_AHEAD = 41;
    public const int SSL_CTRL_SET_SESS_CACHE_MODE = 44;
    public const int SSL_CTRL_SET_GROUPS_LIST = 92;
    public const int SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
    public const int TLS1_2_VERSION = 0x0303;
    public const int TLS1_3_VERSION = 0x0304;

    public const long SSL_MODE_ENABLE_PARTIAL_WRITE = 0x1;
    public const long SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x2;
    public const long SSL_MODE_RELEASE_BUFFERS = 0x10;

    public const ulong SSL_OP_IGNORE_UNEXPECTED_EOF = 1UL << 7;
    public const ulong SSL_OP_NO_COMPRESSION = 1UL << 17;
    public const ulong SSL_OP_PRIORITIZE_CHACHA = 1UL << 21;
    public const ulong SSL_OP_CIPHER_SERVER_PREFERENCE = 1UL << 22;
    public const ulong SSL_OP_NO_RENEGOTIATION = 1UL << 30;

    public const int SSL_ERROR_WANT_READ = 2;
    public const int SSL_ERROR_WANT_WRITE = 3;
    public const int SSL_ERROR_ZERO_RETURN = 6;
    public const int SSL_ERROR_WANT_CLIENT_HELLO_CB = 11;

    public const int SSL_CB_LOOP = 0x01;
    public const int SSL_CB_ALERT = 0x4000;

    public const int SSL_CLIENT_HELLO_SUCCESS = 1;
    public const int SSL_CLIENT_HELLO_ERROR = 0;
    public const int SSL_CLIENT_HELLO_RETRY = -1;

    public const int SSL_AD_INTERNAL_ERROR = 80;
    public const int SSL_AD_UNRECOGNIZED_NAME = 112;

    public const int SSL_TLSEXT_ERR_OK = 0;
    public const int SSL_TLSEXT_ERR_ALERT_FATAL = 2;

    public const uint TLSEXT_TYPE_server_name = 0;
    public const uint TLSEXT_TYPE_application_layer_protocol_negotiation = 16;

    public const int BIO_CTRL_FLUSH = 11;
    public const int BIO_TYPE_SOURCE_SINK = 0x0400;
    public const int BIO_FLAGS_READ = 0x01;
    public const int BIO_FLAGS_WRITE = 0x02;
    public const int BIO_FLAGS_SHOULD_RETRY = 0x08;

    /// <summary>Finds the library, once, before anything else here is called.</summary>
    /// <exception cref="TlsUnavailableException">There is none, or none that is usable.</exception>
    public static void Load()
    {
        if (Libraries.Value.Ssl == 0)
            throw new TlsUnavailableException(
                "OpenSSL 3 (libssl.so.3, libcrypto.so.3) is not on this machine, or cannot be used; install it "
                + "(Debian, Ubuntu: apt install libssl3; Fedora, RHEL: dnf install openssl-libs)");
    }

    private static readonly Lazy<(nint Ssl, nint Crypto)> Libraries = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(OpenSsl).Assembly, Resolve);
        return Versions.Select(Find).FirstOrDefault(libraries => libraries.Ssl != 0);
    });

    /// <summary>Both libraries of one version, since neither works with another's; 0 where they are not there, or are something else.</summary>
    private static (nint Ssl, nint Crypto) Find(string version) =>
        NativeLibrary.TryLoad($"libssl.so.{version}", out var ssl)
            && NativeLibrary.TryLoad($"libcrypto.so.{version}", out var crypto)
            // The newest of the functions below: where they are, the others are.
            && NativeLibrary.TryGetExport(ssl, nameof(SSL_CTX_set_tlsext_ticket_key_evp_cb), out _)
            && NativeLibrary.TryGetExport(crypto, nameof(EVP_MAC_init), out _)
            ? (ssl, crypto)
            : default;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        Ssl => Libraries.Value.Ssl,
        Crypto => Libraries.Value.Crypto,
        _ => 0, // Everything else is found in the usual way.
    };

    [LibraryImport(Ssl)]
    public static partial nint TLS_server_method();

    [LibraryImport(Ssl)]
    public static partial nint TLS_client_method();

    [LibraryImport(Ssl)]
    public static partial nint SSL_CTX_new(nint method);

    [LibraryImport(Ssl)]
    public static partial void SSL_CTX_free(nint context);

    [LibraryImport(Ssl)]
    public static partial long SSL_CTX_ctrl(nint context, int command, long argument, void* pointer);

    [LibraryImport(Ssl)]
    public static partial ulong SSL_CTX_set_options(nint context, ulong options);

    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SSL_CTX_set_cipher_list(nint context, string ciphers);

    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SSL_CTX_set_ciphersuites(nint context, string suites);

    [LibraryImport(Ssl)]
    public static partial int SSL_CTX_set_session_id_context(nint context, byte* id, uint length);

    [LibraryImport(Ssl)]
    public static partial int SSL_CTX_set_alpn_protos(nint context, byte* protocols, uint length);

    [LibraryImport(Ssl)]
    public static partial void SSL_CTX_set_client_hello_cb(
        nint context, delegate* unmanaged<nint, int*, void*, int> callback, void* argument);

    [LibraryImport(Ssl)]
    public static partial void SSL_CTX_set_info_callback(nint context, delegate* unmanaged<nint, int, int, void> callback);

    [LibraryImport(Ssl)]
    public static partial void SSL_CTX_set_alpn_select_cb(
        nint context, delegate* unmanaged<nint, byte**, byte*, byte*, uint, void*, int> callback, void* argument);

    [LibraryImport(Ssl)]
    public static partial int SSL_CTX_set_tlsext_ticket_key_evp_cb(
        nint context, delegate* unmanaged<nint, byte*, byte*, nint, nint, int, int> callback);

    [LibraryImport(Ssl)]
    public static partial nint SSL_new(nint context);

    [LibraryImport(Ssl)]
    public static partial void SSL_free(nint ssl);

    [LibraryImport(Ssl)]
    public static partial void SSL_set_accept_state(nint ssl);

    [LibraryImport(Ssl)]
    public static partial void SSL_set_connect_state(nint ssl);

    [LibraryImport(Ssl)]
    public static partial void SSL_set_bio(nint ssl, nint read, nint write);

    [LibraryImport(Ssl)]
    public static partial int SSL_do_handshake(nint ssl);

    [LibraryImport(Ssl)]
    public static partial int SSL_read(nint ssl, byte* buffer, int length);

    [LibraryImport(Ssl)]
    public static partial int SSL_peek(nint ssl, byte* buffer, int length);

    [LibraryImport(Ssl)]
    public static partial int SSL_write(nint ssl, byte* buffer, int length);

    [LibraryImport(Ssl)]
    public static partial int SSL_shutdown(nint ssl);

    [LibraryImport(Ssl)]
    public static partial int SSL_get_error(nint ssl, int result);

    [LibraryImport(Ssl)]
    public static partial int SSL_set_session_id_context(nint ssl, byte* id, uint length);

    [LibraryImport(Ssl)]
    public static partial int SSL_version(nint ssl);

    [LibraryImport(Ssl)]
    public static partial int SSL_client_hello_get0_ext(nint ssl, uint type, byte** value, nuint* length);

    [LibraryImport(Ssl)]
    public static partial int SSL_use_cert_and_key(nint ssl, nint certificate, nint key, nint chain, int replaces);

    [LibraryImport(Crypto)]
    public static partial void ERR_clear_error();

    [LibraryImport(Crypto)]
    public static partial ulong ERR_get_error();

    [LibraryImport(Crypto)]
    public static partial void ERR_error_string_n(ulong error, byte* buffer, nuint length);

    [LibraryImport(Crypto)]
    public static partial nint d2i_X509(nint* result, byte** input, long length);

    [LibraryImport(Crypto)]
    public static partial void X509_free(nint certificate);

    [LibraryImport(Crypto)]
    public static partial int X509_check_private_key(nint certificate, nint key);

    [LibraryImport(Crypto)]
    public static partial nint d2i_PrivateKey(int kind, nint* result, byte** input, long length);

    [LibraryImport(Crypto)]
    public static partial int EVP_PKEY_get_base_id(nint key);

    [LibraryImport(Crypto)]
    public static partial nint d2i_AutoPrivateKey(nint* result, byte** input, long length);

    [LibraryImport(Crypto)]
    public static partial void EVP_PKEY_free(nint key);

    [LibraryImport(Crypto, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int EVP_PKEY_is_a(nint key, string kind);

    [LibraryImport(Crypto)]
    public static partial nint X509_get_pubkey(nint certificate);

    [LibraryImport(Crypto)]
    public static partial nint EVP_MD_CTX_new();

    [LibraryImport(Crypto)]
    public static partial void EVP_MD_CTX_free(nint context);

    [LibraryImport(Crypto)]
    public static partial int EVP_DigestSignInit(nint context, nint keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Crypto)]
    public static partial int EVP_DigestSign(nint context, byte* signature, nuint* length, byte* data, nuint dataLength);

    [LibraryImport(Crypto)]
    public static partial int EVP_DigestVerifyInit(nint context, nint keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Crypto)]
    public static partial int EVP_DigestVerify(nint context, byte* signature, nuint length, byte* data, nuint dataLength);

    [LibraryImport(Crypto)]
    public static partial nint OPENSSL_sk_new_null();

    [LibraryImport(Crypto)]
    public static partial int OPENSSL_sk_push(nint stack, nint item);

    [LibraryImport(Crypto)]
    public static partial void OPENSSL_sk_free(nint stack);

    [LibraryImport(Crypto)]
    public static partial int BIO_get_new_index();

    [LibraryImport(Crypto, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint BIO_meth_new(int type, string name);

    [LibraryImport(Crypto)]
    public static partial int BIO_meth_set_read(nint method, delegate* unmanaged<nint, byte*, int, int> callback);

    [LibraryImport(Crypto)]
    public static partial int BIO_meth_set_write(nint method, delegate* unmanaged<nint, byte*, int, int> callback);

    [LibraryImport(Crypto)]
    public static partial int BIO_meth_set_ctrl(nint method, delegate* unmanaged<nint, int, nint, void*, nint> callback);

    [LibraryImport(Crypto)]
    public static partial nint BIO_new(nint method);

    /// <summary>A few instructions, so without a transition, as the two below it.</summary>
    [SuppressGCTransition]
    [LibraryImport(Crypto)]
    public static partial void BIO_set_init(nint bio, int isReady);

    [SuppressGCTransition]
    [LibraryImport(Crypto)]
    public static partial void BIO_set_flags(nint bio, int flags);

    [SuppressGCTransition]
    [LibraryImport(Crypto)]
    public static partial void BIO_clear_flags(nint bio, int flags);

    [LibraryImport(Crypto)]
    public static partial nint EVP_aes_256_cbc();

    [LibraryImport(Crypto)]
    public static partial int EVP_EncryptInit_ex(nint context, nint cipher, nint engine, byte* key, byte* iv);

    [LibraryImport(Crypto)]
    public static partial int EVP_DecryptInit_ex(nint context, nint cipher, nint engine, byte* key, byte* iv);

    [LibraryImport(Crypto)]
    public static partial int EVP_MAC_init(nint context, byte* key, nuint length, OsslParameter* parameters);

    /// <summary>What the last failed call of this thread has to say; empties the thread's error queue.</summary>
    public static string TakeError()
    {
        var error = ERR_get_error();
        ERR_clear_error();
        if (error == 0)
            return "no reason given";
        var text = stackalloc byte[256];
        ERR_error_string_n(error, text, 256);
        return Marshal.PtrToStringUTF8((nint)text) ?? "unknown error";
    }
}

/// <summary>OSSL_PARAM of OpenSSL 3: one named value; a null name ends an array of them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OsslParameter
{
    public const uint Utf8String = 4;

    public byte* Name;
    public uint Type;
    public void* Value;
    public nuint Length;
    public nuint ReturnLength;
}

/// <summary>TLS cannot be offered on this machine; the message says what would help.</summary>
internal sealed class TlsUnavailableException(string message) : Exception(message);

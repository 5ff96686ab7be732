using System.Security.Cryptography;

namespace Hotcore.Tls;

/// <summary>
/// A certificate with its chain and key as OpenSSL holds them. Owns the native objects until it is collected: whoever is in a
/// handshake with it keeps it alive by referring to it, so replacing it never needs to wait for anybody. Immutable; of any
/// thread.
/// </summary>
internal sealed unsafe class TlsCertificate
{
    private nint _leaf;
    private nint _key;
    private nint _chain;
    private readonly List<nint> _intermediates = [];

    /// <summary>Takes DER: the leaf first, then its issuers; the key as PKCS#8, or as EC and RSA keys were written before that.</summary>
    /// <exception cref="CryptographicException">It is not a certificate and its key.</exception>
    public TlsCertificate(IReadOnlyList<byte[]> chain, ReadOnlySpan<byte> key)
    {
        OpenSsl.Load();
        try
        {
            _leaf = ReadCertificate(chain[0]);
            _key = ReadKey(key);
            _chain = Check(OpenSsl.OPENSSL_sk_new_null(), "a chain");
            foreach (var issuer in chain.Skip(1))
            {
                _intermediates.Add(ReadCertificate(issuer));
                OpenSsl.OPENSSL_sk_push(_chain, _intermediates[^1]);
            }

            if (OpenSsl.X509_check_private_key(_leaf, _key) != 1)
                throw new CryptographicException($"the key is not the certificate's: {OpenSsl.TakeError()}");
        }
        catch (Exception)
        {
            Free();
            GC.SuppressFinalize(this);
            throw;
        }
    }

    ~TlsCertificate() => Free();

    /// <summary>Has a connection use it; OpenSSL takes references of its own.</summary>
    public bool TryUseFor(nint ssl)
    {
        var isUsed = OpenSsl.SSL_use_cert_and_key(ssl, _leaf, _key, _chain, 1) == 1;
        GC.KeepAlive(this);
        return isUsed;
    }

    private static nint ReadCertificate(byte[] der)
    {
        fixed (byte* start = der)
        {
            var position = start;
            return Check(OpenSsl.d2i_X509(null, &position, der.Length), "a certificate");
        }
    }

    private static nint ReadKey(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key)
        {
            var position = start;
            return Check(OpenSsl.d2i_AutoPrivateKey(null, &position, key.Length), "a key");
        }
    }

    private static nint Check(nint handle, string what) =>
        handle != 0 ? handle : throw new CryptographicException($"OpenSSL does not take it for {what}: {OpenSsl.TakeError()}");

    private void Free()
    {
        OpenSsl.OPENSSL_sk_free(_chain); // The stack alone; its items are freed below. All of these take null.
        foreach (var issuer in _intermediates)
            OpenSsl.X509_free(issuer);
        OpenSsl.EVP_PKEY_free(_key);
        OpenSsl.X509_free(_leaf);
        _intermediates.Clear();
        (_leaf, _key, _chain) = (0, 0, 0);
    }
}

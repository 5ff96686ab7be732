namespace Hotcore.Tls;

/// <summary>
/// Whether a private key is the one of a certificate, of any kind that servers use. By a signature: a damaged file may well
/// hold the right public key beside a wrong private one. Of any thread, never of a loop: RSA takes a millisecond.
/// </summary>
internal static unsafe class KeyProof
{
    private static readonly string[] Kinds = ["EC", "RSA", "ED25519", "ED448", "RSA-PSS"];

    // Far more than any signature has: one of RSA is as long as its modulus, of which OpenSSL takes 16,384 bits.
    private const int MaxSignatureBytes = 2048;

    /// <summary>What is wrong with a key, in half a sentence; null where it is the certificate's.</summary>
    /// <param name="certificate">The certificate, DER.</param>
    /// <param name="key">The key, unencrypted DER: PKCS#8, or as EC and RSA keys were written before that.</param>
    /// <exception cref="TlsUnavailableException">There is no usable OpenSSL.</exception>
    public static string? FindFault(ReadOnlySpan<byte> certificate, ReadOnlySpan<byte> key)
    {
        OpenSsl.Load();
        fixed (byte* certificateStart = certificate)
        fixed (byte* keyStart = key)
        {
            var position = certificateStart;
            var leaf = OpenSsl.d2i_X509(null, &position, certificate.Length);
            var open = leaf == 0 ? 0 : OpenSsl.X509_get_pubkey(leaf);
            var secret = ReadKey(keyStart, key.Length, open);
            try
            {
                if (secret == 0 || !IsOfAKnownKind(secret)) return "its key is not one that hotcore reads; use EC, RSA or Ed25519";
                return open != 0 && Proves(secret, open) ? null : "its key does not belong to its certificate";
            }
            finally
            {
                OpenSsl.EVP_PKEY_free(open); // All of these take null.
                OpenSsl.EVP_PKEY_free(secret);
                OpenSsl.X509_free(leaf);
                OpenSsl.ERR_clear_error();
            }
        }
    }

    /// <summary>As a key of the certificate's kind first: to find out which kind one is takes OpenSSL three times as long.</summary>
    private static nint ReadKey(byte* start, int lengthBytes, nint open)
    {
        var position = start;
        var secret = open == 0 ? 0 : OpenSsl.d2i_PrivateKey(OpenSsl.EVP_PKEY_get_base_id(open), null, &position, lengthBytes);
        if (secret != 0) return secret;
        position = start;
        return OpenSsl.d2i_AutoPrivateKey(null, &position, lengthBytes);
    }

    private static bool IsOfAKnownKind(nint key)
    {
        foreach (var kind in Kinds)
        {
            if (OpenSsl.EVP_PKEY_is_a(key, kind) == 1) return true;
        }
        return false;
    }

    /// <summary>Each kind's usual digest; those of Edwards curves have theirs within.</summary>
    private static bool Proves(nint secret, nint open)
    {
        var (signing, verifying) = (OpenSsl.EVP_MD_CTX_new(), OpenSsl.EVP_MD_CTX_new());
        try
        {
            var probe = stackalloc byte[] { 1, 2, 3, 4 };
            var signature = stackalloc byte[MaxSignatureBytes];
            nuint length = MaxSignatureBytes;
            return OpenSsl.EVP_DigestSignInit(signing, 0, 0, 0, secret) == 1
                && OpenSsl.EVP_DigestSign(signing, signature, &length, probe, 4) == 1
                && OpenSsl.EVP_DigestVerifyInit(verifying, 0, 0, 0, open) == 1
                && OpenSsl.EVP_DigestVerify(verifying, signature, length, probe, 4) == 1;
        }
        finally
        {
            OpenSsl.EVP_MD_CTX_free(signing);
            OpenSsl.EVP_MD_CTX_free(verifying);
        }
    }
}

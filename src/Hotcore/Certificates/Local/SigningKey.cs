using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.Certificates.Local;

/// <summary>A CA's private key: P-256 (hotcore's own) or RSA (mkcert's). Of one thread at a time.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly AsymmetricAlgorithm _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        Generator = X509SignatureGenerator.CreateForECDsa(key);
    }

    private SigningKey(RSA key)
    {
        _key = key;
        Generator = X509SignatureGenerator.CreateForRSA(key, RSASignaturePadding.Pkcs1);
    }

    /// <summary>What signs certificates with this key.</summary>
    public X509SignatureGenerator Generator { get; }

    public PublicKey PublicKey => Generator.PublicKey;

    /// <summary>Makes a new P-256 key.</summary>
    public static SigningKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Reads a key that is not encrypted; null where the text holds none that works.</summary>
    public static SigningKey? TryRead(string pem)
    {
        var key = TryReadEllipticCurve(pem) ?? TryReadRsa(pem);
        if (key is null || key.IsWhole()) return key;
        key.Dispose();
        return null;
    }

    public string ExportPem() => _key.ExportPkcs8PrivateKeyPem() + "\n";

    /// <summary>Whether this key made the signature, which is as it stands in a certificate.</summary>
    public bool HasSigned(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature, HashAlgorithmName hash) => _key switch
    {
        ECDsa curve => curve.VerifyData(data, signature, hash, DSASignatureFormat.Rfc3279DerSequence),
        RSA rsa => rsa.VerifyData(data, signature, hash, RSASignaturePadding.Pkcs1),
        _ => false,
    };

    public void Dispose() => _key.Dispose();

    private static SigningKey? TryReadEllipticCurve(string pem)
    {
        var key = ECDsa.Create();
        if (TryImport(key, pem)) return new SigningKey(key);
        key.Dispose();
        return null;
    }

    private static SigningKey? TryReadRsa(string pem)
    {
        var key = RSA.Create();
        if (TryImport(key, pem)) return new SigningKey(key);
        key.Dispose();
        return null;
    }

    /// <summary>A damaged key may claim to be of another kind, or of a curve that nobody knows.</summary>
    private static bool TryImport(AsymmetricAlgorithm key, string pem)
    {
        try
        {
            key.ImportFromPem(pem);
            return true;
        }
        catch (Exception damage) when (
            damage is ArgumentException or CryptographicException or PlatformNotSupportedException)
        {
            return false;
        }
    }

    /// <summary>A damaged key, or the public half of one, can be read well and yet sign wrongly.</summary>
    private bool IsWhole()
    {
        var anything = "hotcore"u8;
        try
        {
            var signature = Generator.SignData(anything.ToArray(), HashAlgorithmName.SHA256);
            return HasSigned(anything, signature, HashAlgorithmName.SHA256);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}

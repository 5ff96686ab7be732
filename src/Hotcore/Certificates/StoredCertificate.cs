using System.Buffers.Text;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// A certificate for one domain, its chain and its private key, checked to belong together. Immutable; expired or
/// not is for the reader to ask.
/// </summary>
internal sealed class StoredCertificate
{
    private StoredCertificate(DomainName domain, byte[] pem, X509Certificate2Collection chain, AsymmetricAlgorithm key)
    {
        var leaf = chain[0];
        Domain = domain;
        Pem = pem;
        ChainDer = [.. chain.Select(certificate => certificate.RawData)];
        KeyPkcs8 = key.ExportPkcs8PrivateKey();
        NotBefore = leaf.NotBefore.ToUniversalTime();
        NotAfter = leaf.NotAfter.ToUniversalTime();
        Serial = leaf.SerialNumberBytes.ToArray();
        var keyIdentifier = leaf.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()
            ?.KeyIdentifier?.ToArray();
        // RFC 9773 4.1.
        if (keyIdentifier is not null)
            Id = $"{Base64Url.EncodeToString(keyIdentifier)}.{Base64Url.EncodeToString(Serial)}";
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>();
        Names = [.. names.SelectMany(extension => extension.EnumerateDnsNames())];
    }

    public DomainName Domain { get; }

    /// <summary>The file's content: leaf, chain and key. Secret, not to be changed.</summary>
    public byte[] Pem { get; }

    /// <summary>The leaf first, then what leads from it to a root.</summary>
    public IReadOnlyList<byte[]> ChainDer { get; }

    /// <summary>The private key, PKCS#8 DER. Secret, not to be changed.</summary>
    public byte[] KeyPkcs8 { get; }

    public DateTimeOffset NotBefore { get; }

    public DateTimeOffset NotAfter { get; }

    /// <summary>The serial number as it stands in the certificate, most significant byte first.</summary>
    public byte[] Serial { get; }

    /// <summary>What a CA's renewal information calls this certificate; null where it names no issuer's key.</summary>
    public string? Id { get; }

    /// <summary>All names it covers, wildcards as they stand.</summary>
    public IReadOnlyList<string> Names { get; }

    public bool IsExpired(DateTimeOffset now) => now >= NotAfter;

    /// <summary>
    /// Reads PEM: certificates, the leaf first, and one unencrypted key (EC or RSA), in any order of kinds. Throws
    /// nothing: on refusal <paramref name="error"/> says what is wrong in half a sentence.
    /// </summary>
    /// <param name="pem">The content; kept by the certificate.</param>
    /// <param name="domain">The domain that it has to cover.</param>
    /// <param name="certificate">What was read.</param>
    /// <param name="error">What is wrong, or empty.</param>
    public static bool TryParse(byte[] pem, DomainName domain, out StoredCertificate? certificate, out string error)
    {
        certificate = null;
        var chain = new X509Certificate2Collection();
        AsymmetricAlgorithm? key = null;
        try
        {
            error = ReadBlocks(Encoding.UTF8.GetString(pem), chain, ref key) ?? Check(chain, key, domain) ?? "";
            if (error.Length == 0) certificate = new StoredCertificate(domain, pem, chain, key!);
        }
        catch (Exception failure) when (failure is CryptographicException or AsnContentException or ArgumentException
            or FormatException or NotSupportedException)
        {
            error = $"it cannot be read ({failure.Message})";
        }
        finally
        {
            key?.Dispose();
            foreach (var link in chain) link.Dispose();
        }
        return certificate is not null;
    }

    private static string? ReadBlocks(
        ReadOnlySpan<char> text, X509Certificate2Collection chain, ref AsymmetricAlgorithm? key)
    {
        var blocks = text.Count("-----BEGIN ");
        while (PemEncoding.TryFind(text, out var block))
        {
            var label = text[block.Label];
            var whole = text[block.Location].ToString();
            if (label is "CERTIFICATE")
            {
                chain.Add(X509Certificate2.CreateFromPem(whole));
            }
            else if (label.EndsWith("PRIVATE KEY"))
            {
                if (key is not null) return "it holds more than one key";
                key = ReadKey(label, whole);
                if (key is null) return $"its key ({label}) is not one that hotcore reads; use EC or RSA, unencrypted";
            }
            text = text[block.Location.End..];
            blocks--;
        }
        return blocks == 0 ? null : "it is cut off or damaged";
    }

    private static AsymmetricAlgorithm? ReadKey(ReadOnlySpan<char> label, string pem)
    {
        if (label is "ENCRYPTED PRIVATE KEY") return null;
        AsymmetricAlgorithm key = label is "RSA PRIVATE KEY" || IsRsa(label, pem) ? RSA.Create() : ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception)
        {
            key.Dispose();
            throw;
        }
    }

    private static bool IsRsa(ReadOnlySpan<char> label, string pem)
    {
        if (label is not "PRIVATE KEY") return false;
        var block = PemEncoding.Find(pem);
        var der = Convert.FromBase64String(pem[block.Base64Data]);
        // RFC 5208 5: a version, then the algorithm.
        var info = new AsnReader(der, AsnEncodingRules.BER).ReadSequence();
        info.ReadInteger();
        return info.ReadSequence().ReadObjectIdentifier() == "1.2.840.113549.1.1.1";
    }

    private static string? Check(X509Certificate2Collection chain, AsymmetricAlgorithm? key, DomainName domain)
    {
        if (chain.Count == 0) return "it holds no certificate";
        if (key is null) return "it holds no private key";
        var leaf = chain[0];
        if (!IsKeyOf(leaf, key)) return "its key does not belong to its certificate";
        if (!leaf.MatchesHostname(domain.ToString(), allowWildcards: true, allowCommonName: false))
            return $"its certificate is not for {domain}";
        if (leaf.NotBefore >= leaf.NotAfter) return "its certificate ends before it begins";
        // A chain in another order is for clients to make sense of.
        if (chain.Count == 1 || !leaf.IssuerName.RawData.SequenceEqual(chain[1].SubjectName.RawData)) return null;
        return IsSignedBy(leaf, chain[1]) ? null : "its issuer's signature does not fit";
    }

    /// <summary>Whether the signature fits; trust and time are the clients' affair.</summary>
    private static bool IsSignedBy(X509Certificate2 leaf, X509Certificate2 issuer)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(issuer);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.Build(leaf);
        return chain.ChainElements.Count > 1
            && chain.ChainStatus.All(status => status.Status != X509ChainStatusFlags.NotSignatureValid);
    }

    /// <summary>By a signature: a damaged file may well hold the right public key beside a wrong private one.</summary>
    private static bool IsKeyOf(X509Certificate2 leaf, AsymmetricAlgorithm key)
    {
        var probe = "hotcore"u8;
        var hash = HashAlgorithmName.SHA256;
        if (key is ECDsa ec)
        {
            using var ecPublic = leaf.GetECDsaPublicKey();
            return ecPublic is not null && ecPublic.KeySize == ec.KeySize
                && ecPublic.VerifyData(probe, ec.SignData(probe, hash), hash);
        }
        var rsa = (RSA)key;
        using var rsaPublic = leaf.GetRSAPublicKey();
        return rsaPublic is not null && rsaPublic.VerifyData(
            probe, rsa.SignData(probe, hash, RSASignaturePadding.Pkcs1), hash, RSASignaturePadding.Pkcs1);
    }
}

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Mappings;
using Hotcore.Tls;

namespace Hotcore.Certificates;

/// <summary>
/// A certificate for one domain, its chain and its private key, checked to belong together. Immutable; expired or
/// not is for the reader to ask.
/// </summary>
internal sealed class StoredCertificate
{
    // In the file itself, so that it is there whenever the certificate is; readers of PEM skip it (RFC 7468 2). It names the
    // certificate too: whoever puts another beneath it makes the file their own.
    private const string IssuedLabel = "Issued to hotcore by: ";

    private const string IsEncrypted = "its key is encrypted; store it without a passphrase: openssl pkey -in <file>";

    private StoredCertificate(DomainName domain, byte[] pem, X509Certificate2Collection chain, byte[] key)
    {
        var leaf = chain[0];
        Domain = domain;
        Pem = pem;
        ChainDer = [.. chain.Select(certificate => certificate.RawData)];
        KeyDer = key;
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
    public byte[] Pem { get; private set; }

    /// <summary>The directory of the CA that issued it to hotcore; null for one of the owner's own.</summary>
    public string? IssuedBy { get; private set; }

    /// <summary>The leaf first, then what leads from it to a root.</summary>
    public IReadOnlyList<byte[]> ChainDer { get; }

    /// <summary>The private key, DER: PKCS#8, or as EC and RSA keys were written before that. Secret, not to be changed.</summary>
    public byte[] KeyDer { get; }

    public DateTimeOffset NotBefore { get; }

    public DateTimeOffset NotAfter { get; }

    /// <summary>The serial number as it stands in the certificate, most significant byte first.</summary>
    public byte[] Serial { get; }

    /// <summary>What a CA's renewal information calls this certificate; null where it names no issuer's key.</summary>
    public string? Id { get; }

    /// <summary>All names it covers, wildcards as they stand.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The same, and its file says that a CA issued it to hotcore.</summary>
    /// <param name="directory">The URL of the CA's directory.</param>
    public StoredCertificate MarkIssued(string directory)
    {
        var marked = (StoredCertificate)MemberwiseClone();
        marked.Pem = [.. Encoding.UTF8.GetBytes($"{IssuedLabel}{directory} {Fingerprint()}\n"), .. Pem];
        marked.IssuedBy = directory;
        return marked;
    }

    /// <summary>Tells it from every other certificate: its SHA-256, in hexadecimal.</summary>
    public string Fingerprint() => Convert.ToHexStringLower(SHA256.HashData(ChainDer[0]));

    public bool IsExpired(DateTimeOffset now) => now >= NotAfter;

    /// <summary>
    /// Reads PEM: certificates, the leaf first, and one unencrypted key (EC, RSA or of an Edwards curve), in any order of
    /// kinds, with any line ends, byte order marks and text between. Throws nothing: on refusal <paramref name="error"/> says
    /// what is wrong in half a sentence.
    /// </summary>
    /// <param name="pem">The content; kept by the certificate.</param>
    /// <param name="domain">The domain that it has to cover.</param>
    /// <param name="certificate">What was read.</param>
    /// <param name="error">What is wrong, or empty.</param>
    public static bool TryParse(byte[] pem, DomainName domain, out StoredCertificate? certificate, out string error)
    {
        certificate = null;
        var chain = new X509Certificate2Collection();
        byte[]? key = null;
        try
        {
            var text = Decode(pem);
            error = ReadBlocks(text, chain, ref key) ?? Check(chain, key, domain) ?? "";
            if (error.Length == 0) certificate = new StoredCertificate(domain, pem, chain, key!);
            if (certificate is not null) certificate.IssuedBy = certificate.ReadMark(text);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException
            or FormatException or NotSupportedException)
        {
            error = $"it cannot be read ({failure.Message})";
        }
        finally
        {
            foreach (var link in chain) link.Dispose();
        }
        return certificate is not null;
    }

    private string? ReadMark(string text)
    {
        if (!text.StartsWith(IssuedLabel, StringComparison.Ordinal)) return null;
        var words = text.Split('\n', 2)[0][IssuedLabel.Length..].Split(' ');
        return words is [var directory, var fingerprint] && fingerprint.TrimEnd('\r') == Fingerprint() ? directory : null;
    }

    /// <summary>
    /// As text, without byte order marks: editors put one at the beginning, and a file that was joined from two has another
    /// within, where it would hide the block that it stands before.
    /// </summary>
    private static string Decode(byte[] pem)
    {
        using var reader = new StreamReader(new MemoryStream(pem), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        return reader.ReadToEnd().Replace("\uFEFF", "", StringComparison.Ordinal);
    }

    private static string? ReadBlocks(ReadOnlySpan<char> text, X509Certificate2Collection chain, ref byte[]? key)
    {
        var blocks = text.Count("-----BEGIN ");
        while (PemEncoding.TryFind(text, out var block))
        {
            var label = text[block.Label];
            if (label is "CERTIFICATE")
            {
                chain.Add(X509CertificateLoader.LoadCertificate(ReadDer(text, block)));
            }
            else if (label.EndsWith("PRIVATE KEY"))
            {
                if (key is not null) return "it holds more than one key";
                if (label is "ENCRYPTED PRIVATE KEY") return IsEncrypted;
                key = ReadDer(text, block);
            }
            text = text[block.Location.End..];
            blocks--;
        }
        if (blocks == 0) return null;
        // RFC 1421 4.6.1.1: the older kind of encryption, with fields before the key.
        return text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal) ? IsEncrypted : "it is cut off or damaged";
    }

    private static byte[] ReadDer(ReadOnlySpan<char> text, PemFields block) =>
        Convert.FromBase64String(text[block.Base64Data].ToString());

    private static string? Check(X509Certificate2Collection chain, byte[]? key, DomainName domain)
    {
        if (chain.Count == 0) return "it holds no certificate";
        if (key is null) return "it holds no private key";
        var leaf = chain[0];
        if (KeyProof.FindFault(leaf.RawData, key) is { } fault) return fault;
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
}

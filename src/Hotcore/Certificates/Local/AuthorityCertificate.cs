using System.Formats.Asn1;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.Certificates.Local;

/// <summary>What is asked of a CA's own certificate, and how hotcore makes one.</summary>
internal static class AuthorityCertificate
{
    /// <summary>Begins the name of every CA that hotcore makes.</summary>
    public const string NameStart = "hotcore local CA";

    private const int MaxNameLength = 64; // RFC 5280 appendix A, ub-common-name
    private const int Years = 10;

    /// <summary>Reads a CA's certificate; else <paramref name="fault"/> is why it is no good for this key.</summary>
    public static X509Certificate2? TryRead(string pem, SigningKey key, DateTimeOffset now, out string fault)
    {
        X509Certificate2? certificate = null;
        try
        {
            certificate = X509Certificate2.CreateFromPem(pem);
            fault = FindFault(certificate, key, now) ?? "";
        }
        catch (Exception damage) when (damage is ArgumentException or CryptographicException or AsnContentException)
        {
            fault = "it is damaged";
        }
        if (fault.Length == 0) return certificate;
        certificate?.Dispose();
        return null;
    }

    /// <summary>Makes a certificate for a CA of that key.</summary>
    /// <param name="key">The CA's key, whole.</param>
    /// <param name="owner">Who it belongs to, such as user@host; a part of its name.</param>
    /// <param name="now">The time it is made.</param>
    public static X509Certificate2 Make(SigningKey key, string owner, DateTimeOffset now)
    {
        // Domains can be any, so there are no name constraints: they would have to name every domain that will ever
        // be mapped. The key stays where it is made instead, readable by its owner alone.
        var identifier = new X509SubjectKeyIdentifierExtension(
            key.PublicKey, X509SubjectKeyIdentifierHashAlgorithm.ShortSha256, critical: false);
        var name = MakeName(identifier, owner);
        var request = new CertificateRequest(name, key.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            X509BasicConstraintsExtension.CreateForCertificateAuthority(pathLengthConstraint: 0));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(identifier);
        return request.Create(name, key.Generator, now - LocalAuthority.Backdating, now.AddYears(Years), NewSerial());
    }

    /// <summary>A serial number that no other certificate has: 128 random bits.</summary>
    public static byte[] NewSerial() => RandomNumberGenerator.GetBytes(16);

    /// <summary>
    /// The key is in the name, so that no two CAs share one, and the browsers' stores, which go by names, tell them
    /// apart; and a certificate made anew for the same key has the name that is trusted already.
    /// </summary>
    private static X500DistinguishedName MakeName(X509SubjectKeyIdentifierExtension identifier, string owner)
    {
        var name = $"{NameStart} {identifier.SubjectKeyIdentifier![..8].ToLowerInvariant()} ({owner})";
        if (name.Length > MaxNameLength) name = name[..(MaxNameLength - 1)] + ")";
        var builder = new X500DistinguishedNameBuilder();
        builder.AddCommonName(name);
        return builder.Build();
    }

    private static string? FindFault(X509Certificate2 certificate, SigningKey key, DateTimeOffset now)
    {
        if (!certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan()
                .SequenceEqual(key.PublicKey.ExportSubjectPublicKeyInfo())) return "it is not that of the key";
        if (!IsSignedBy(key, certificate)) return "it is damaged";
        if (!MaySign(certificate)) return "it is not the certificate of a CA";
        if (now < certificate.NotBefore) return $"it begins only on {Format(certificate.NotBefore)}";
        return now >= certificate.NotAfter ? $"it ended on {Format(certificate.NotAfter)}" : null;
    }

    private static bool IsSignedBy(SigningKey key, X509Certificate2 certificate)
    {
        HashAlgorithmName? hash = certificate.SignatureAlgorithm.Value switch
        {
            "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" => HashAlgorithmName.SHA256,
            "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => HashAlgorithmName.SHA384,
            "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => HashAlgorithmName.SHA512,
            _ => null,
        };
        if (hash is null) return false;
        var fields = new AsnReader(certificate.RawData, AsnEncodingRules.DER).ReadSequence();
        var signed = fields.ReadEncodedValue();
        // The algorithm stands outside of what is signed, and inside: they have to be the same (RFC 5280 4.1.1.2).
        return fields.ReadEncodedValue().Span.SequenceEqual(FindSignedAlgorithm(signed).Span)
            && key.HasSigned(signed.Span, fields.ReadBitString(out _), hash.Value);
    }

    private static ReadOnlyMemory<byte> FindSignedAlgorithm(ReadOnlyMemory<byte> signed)
    {
        var fields = new AsnReader(signed, AsnEncodingRules.DER).ReadSequence();
        // The version comes first, where it is written at all; then the serial number.
        var version = new Asn1Tag(TagClass.ContextSpecific, 0);
        if (fields.PeekTag().HasSameClassAndValue(version)) _ = fields.ReadEncodedValue();
        _ = fields.ReadEncodedValue();
        return fields.ReadEncodedValue();
    }

    private static bool MaySign(X509Certificate2 certificate)
    {
        var usage = certificate.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault();
        return certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(basic => basic.CertificateAuthority)
            && (usage is null || usage.KeyUsages.HasFlag(X509KeyUsageFlags.KeyCertSign));
    }

    private static string Format(DateTime time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

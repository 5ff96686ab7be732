using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// A self-signed certificate that a challenge needs: for TLS-ALPN-01 the one that proves control over the domain (RFC 8737 3);
/// for HTTP-01 one that serves where there is no other, since a CA that an edge redirects to https never asks whose it is
/// (RFC 8555 8.3), nor do most edges. Immutable.
/// </summary>
internal sealed class ChallengeCertificate
{
    private const string AcmeIdentifier = "1.3.6.1.5.5.7.1.31";

    // Seen by one CA in the next minutes; wide enough for clocks that differ.
    private static readonly TimeSpan Validity = TimeSpan.FromDays(7);

    private ChallengeCertificate(DomainName domain, ChallengeKind kind, byte[] certificateDer, byte[] keyPkcs8)
    {
        Domain = domain;
        Kind = kind;
        DomainBytes = Encoding.ASCII.GetBytes(domain.ToString());
        CertificateDer = certificateDer;
        KeyPkcs8 = keyPkcs8;
    }

    public DomainName Domain { get; }

    /// <summary>What it is for.</summary>
    public ChallengeKind Kind { get; }

    /// <summary>The domain in lower-case ASCII.</summary>
    public byte[] DomainBytes { get; }

    public byte[] CertificateDer { get; }

    /// <summary>Its private key: EC P-256, PKCS#8 DER.</summary>
    public byte[] KeyPkcs8 { get; }

    /// <summary>Makes one, with a key of its own.</summary>
    public static ChallengeCertificate Create(
        DomainName domain, ChallengeKind kind, string keyAuthorization, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=ACME challenge", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(domain.ToString());
        request.CertificateExtensions.Add(names.Build());
        if (kind == ChallengeKind.Tls) request.CertificateExtensions.Add(Prove(keyAuthorization));
        using var certificate = request.CreateSelfSigned(now - Validity, now + Validity);
        return new ChallengeCertificate(domain, kind, certificate.RawData, key.ExportPkcs8PrivateKey());
    }

    private static X509Extension Prove(string keyAuthorization)
    {
        var digest = new AsnWriter(AsnEncodingRules.DER);
        digest.WriteOctetString(SHA256.HashData(Encoding.ASCII.GetBytes(keyAuthorization)));
        return new X509Extension(AcmeIdentifier, digest.Encode(), critical: true);
    }
}

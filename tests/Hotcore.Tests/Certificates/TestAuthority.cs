using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>A CA's key, and the certificates that it signs.</summary>
internal sealed class TestAuthority
{
    private readonly X509Certificate2 _root;

    public TestAuthority()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=fake CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        DateTimeOffset begin = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        _root = request.CreateSelfSigned(begin, begin.AddYears(29));
    }

    /// <summary>Leaf and root as PEM, for the key of a certificate request.</summary>
    public string Certify(byte[] csr, string name, DateTimeOffset notBefore, TimeSpan lifetime)
    {
        var key = CertificateRequest.LoadSigningRequest(csr, HashAlgorithmName.SHA256).PublicKey;
        var request = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256);
        return Certify(request, name, notBefore, lifetime);
    }

    /// <summary>A whole file: leaf, root and a new key.</summary>
    public byte[] MakeFile(string name, DateTimeOffset notBefore, TimeSpan lifetime, bool withRsa = false)
    {
        using AsymmetricAlgorithm key = withRsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedName("");
        var request = key is RSA rsa
            ? new CertificateRequest(subject, new PublicKey(rsa), HashAlgorithmName.SHA256)
            : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        var chain = Certify(request, name, notBefore, lifetime);
        return Encoding.ASCII.GetBytes($"{chain}{key.ExportPkcs8PrivateKeyPem()}\n");
    }

    /// <summary>The same, read.</summary>
    public StoredCertificate Make(DomainName domain, DateTimeOffset notBefore, TimeSpan lifetime)
    {
        var file = MakeFile(domain.ToString(), notBefore, lifetime);
        return StoredCertificate.TryParse(file, domain, out var made, out var error)
            ? made!
            : throw new InvalidOperationException(error);
    }

    private string Certify(CertificateRequest request, string name, DateTimeOffset notBefore, TimeSpan lifetime)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
                _root.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single()));
        var generator = X509SignatureGenerator.CreateForECDsa(_root.GetECDsaPrivateKey()!);
        using var leaf = request.Create(
            _root.SubjectName, generator, notBefore, notBefore + lifetime, RandomNumberGenerator.GetBytes(16));
        return $"{leaf.ExportCertificatePem()}\n{_root.ExportCertificatePem()}\n";
    }
}

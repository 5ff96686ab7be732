using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Local;

/// <summary>
/// The CA of a developer's own machine: mkcert's where it is there, else one of hotcore's own, which is made on first
/// use. May be used by any thread.
/// </summary>
internal sealed class LocalAuthority : IDisposable
{
    /// <summary>How long before its making a certificate begins: clocks differ.</summary>
    public static readonly TimeSpan Backdating = TimeSpan.FromHours(1);

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);
    private static readonly X500DistinguishedName LeafName = new("O=hotcore local certificate");

    private readonly Lock _signing = new();
    private readonly SigningKey _key;
    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _clock;

    /// <param name="certificate">The CA's certificate; belongs to the authority from now on.</param>
    /// <param name="key">Its key; belongs to the authority from now on.</param>
    /// <param name="path">The file that holds the certificate.</param>
    /// <param name="isOfMkcert">Whether mkcert made it.</param>
    /// <param name="clock">Tells when certificates begin and end.</param>
    internal LocalAuthority(
        X509Certificate2 certificate, SigningKey key, string path, bool isOfMkcert, TimeProvider clock)
    {
        _certificate = certificate;
        _key = key;
        _clock = clock;
        CertificatePath = path;
        IsOfMkcert = isOfMkcert;
        NotAfter = certificate.NotAfter.ToUniversalTime();
    }

    /// <summary>The file that holds the CA's certificate (PEM).</summary>
    public string CertificatePath { get; }

    /// <summary>Whether it is mkcert's CA, which mkcert puts into the stores.</summary>
    public bool IsOfMkcert { get; }

    /// <summary>When the CA's certificate ends, UTC.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>The CA's name, such as <c>hotcore local CA 1a2b3c4d (user@host)</c>.</summary>
    public string Name => _certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    /// <summary>The CA's certificate.</summary>
    public byte[] CertificateDer => _certificate.RawData;

    /// <summary>
    /// Finds mkcert's CA, or opens hotcore's own in a folder, or makes one there. A damaged file of hotcore's own is
    /// set aside and made anew. Blocks on the disk.
    /// </summary>
    /// <param name="folder">Where hotcore's own CA is kept; made, for its owner alone, where it is missing.</param>
    /// <param name="clock">Tells when certificates begin and end.</param>
    /// <param name="log">Takes a line on each thing that a user may want to know.</param>
    /// <param name="environment">Reads an environment variable: CAROOT, XDG_DATA_HOME, HOME, SUDO_USER.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or a file in it belongs to someone else.</exception>
    public static LocalAuthority Open(
        string folder, TimeProvider clock, Action<string> log, Func<string, string?> environment) =>
        MkcertFolder.TryOpen(clock, log, environment) ?? new OwnAuthorityFiles(folder, clock, log, environment).Open();

    /// <summary>
    /// Issues a certificate for a domain: P-256, for servers, for 90 days at most. Computes for up to a few
    /// milliseconds: never on a loop.
    /// </summary>
    /// <exception cref="InvalidOperationException">The CA itself has ended; a new start makes another.</exception>
    public LocalCertificate Issue(DomainName domain)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(_clock.GetUtcNow().ToUnixTimeSeconds());
        if (now >= NotAfter)
        {
            throw new InvalidOperationException(
                $"the CA in {CertificatePath} ended on {NotAfter:yyyy-MM-dd}: start hotcore again");
        }
        var notBefore = now - Backdating;
        var notAfter = notBefore + Lifetime < NotAfter ? notBefore + Lifetime : NotAfter;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var certificate = Sign(MakeRequest(domain, key), notBefore, notAfter);
        return new LocalCertificate([certificate], key.ExportPkcs8PrivateKey(), notBefore, notAfter);
    }

    /// <summary>The CA's certificate as PEM, which is what the stores of a system take.</summary>
    public byte[] ExportCertificatePem() => Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem() + "\n");

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    private CertificateRequest MakeRequest(DomainName domain, ECDsa key)
    {
        var request = new CertificateRequest(LeafName, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(domain.ToString());
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(
            request.PublicKey, X509SubjectKeyIdentifierHashAlgorithm.ShortSha256, critical: false));
        return request;
    }

    private byte[] Sign(CertificateRequest request, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        // Neither a key nor a certificate of .NET promises to serve two threads at once.
        lock (_signing)
        {
            var identifier =
                _certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault();
            if (identifier is not null)
            {
                request.CertificateExtensions.Add(
                    X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(identifier));
            }
            using var certificate = request.Create(
                _certificate.SubjectName, _key.Generator, notBefore, notAfter, AuthorityCertificate.NewSerial());
            return certificate.RawData;
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// The certificates that challenges need on port 443, while they last: those that a CA asks for with the protocol
/// <c>acme-tls/1</c> (RFC 8737), and nobody else gets to see, and those by which it reaches the answer to HTTP-01 over https.
/// Read by the loops without a lock and without allocating; written by the issuances.
/// </summary>
internal sealed class TlsChallenges
{
    /// <summary>The ALPN name of a client that asks for such a certificate.</summary>
    public const string Protocol = "acme-tls/1";

    private ChallengeCertificate[] _certificates = [];
    private readonly Lock _writing = new();

    /// <summary>Called after each change, on the thread that made it. Must be quick and throw nothing.</summary>
    public Action? Changed { get; set; }

    /// <summary>All there are at this instant: a snapshot, not to be changed.</summary>
    public IReadOnlyList<ChallengeCertificate> All => Volatile.Read(ref _certificates);

    /// <summary>Finds the certificate for a server name as the client sent it, in any case.</summary>
    public bool TryFind(
        ReadOnlySpan<byte> serverName, ChallengeKind kind, [NotNullWhen(true)] out ChallengeCertificate? certificate)
    {
        foreach (var candidate in Volatile.Read(ref _certificates))
        {
            if (candidate.Kind != kind || !Ascii.EqualsIgnoreCase(serverName, candidate.DomainBytes)) continue;
            certificate = candidate;
            return true;
        }
        certificate = null;
        return false;
    }

    public void Put(ChallengeCertificate certificate)
    {
        lock (_writing) Volatile.Write(ref _certificates, [.. Without(certificate.Domain), certificate]);
        Changed?.Invoke();
    }

    public void Remove(DomainName domain)
    {
        lock (_writing) Volatile.Write(ref _certificates, [.. Without(domain)]);
        Changed?.Invoke();
    }

    private IEnumerable<ChallengeCertificate> Without(DomainName domain) =>
        _certificates.Where(certificate => !certificate.Domain.Equals(domain));
}

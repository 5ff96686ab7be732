using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>What is wanted of a CA.</summary>
/// <param name="Domain">The one name of the certificate.</param>
/// <param name="Replaces">The CA's id of the certificate that it renews (RFC 9773 5), or null.</param>
/// <param name="PrefersTls">Whether to begin with TLS-ALPN-01.</param>
internal sealed record IssuanceRequest(DomainName Domain, string? Replaces, bool PrefersTls);

/// <summary>What came of it.</summary>
/// <param name="Certificate">The certificate, in memory only so far.</param>
/// <param name="Kind">The kind of challenge that the CA accepted, or would have.</param>
internal sealed record Issuance(StoredCertificate Certificate, ChallengeKind Kind);

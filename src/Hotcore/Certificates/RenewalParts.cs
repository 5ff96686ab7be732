using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>What the jobs of all domains work with.</summary>
/// <param name="Store">The certificates on disk.</param>
/// <param name="Records">What is remembered beside them.</param>
/// <param name="Authority">Issues them.</param>
/// <param name="Publish">Puts a certificate in force, on the thread pool; one call at a time for one domain.</param>
/// <param name="Clock">The wall clock.</param>
/// <param name="Log">Takes what happens.</param>
internal sealed record RenewalParts(
    CertificateStore Store,
    RenewalRecords Records,
    CertificateAuthority Authority,
    Action<DomainName, StoredCertificate> Publish,
    TimeProvider Clock,
    Action<string> Log);

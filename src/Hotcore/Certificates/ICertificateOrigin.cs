using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>Where certificates come from: a certificate authority on the Internet, or one on this machine. Of any thread.</summary>
internal interface ICertificateOrigin
{
    /// <summary>Whether a first certificate for the domain is on its way, or comes when it is waited for.</summary>
    bool MayCome(DomainName domain);

    /// <summary>Completes, never with an error, when it is worth looking for the domain's certificate again.</summary>
    Task WhenSettled(DomainName domain);
}

namespace Hotcore.Certificates;

/// <summary>How a domain stands with its certificate.</summary>
internal enum CertificateCondition
{
    /// <summary>There is none and none comes: the domain is not looked after, or no CA certifies it.</summary>
    None,

    /// <summary>The first certificate is on its way.</summary>
    Pending,

    /// <summary>There is one, and it has not expired.</summary>
    Valid,

    /// <summary>There is none that is valid, and the last attempt to get one has failed.</summary>
    Failed,
}

/// <summary>What status and log say of a domain's certificate.</summary>
/// <param name="Condition">How it stands.</param>
/// <param name="NotAfter">The end of the certificate that is there, or was; null where there never was one.</param>
/// <param name="NextRenewal">When it is renewed, if all goes well.</param>
/// <param name="Failure">Why there is none, or no next one, and what the user can do.</param>
/// <param name="NextTry">When it is tried again after that.</param>
/// <param name="IsOwners">Whether it is one that hotcore did not issue, and does not replace before its end.</param>
internal sealed record CertificateState(
    CertificateCondition Condition,
    DateTimeOffset? NotAfter = null,
    DateTimeOffset? NextRenewal = null,
    string? Failure = null,
    DateTimeOffset? NextTry = null,
    bool IsOwners = false)
{
    public static readonly CertificateState None = new(CertificateCondition.None);
}

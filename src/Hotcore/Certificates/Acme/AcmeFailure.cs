namespace Hotcore.Certificates.Acme;

/// <summary>Why there is no certificate, in words for people: what happened, and what they can do.</summary>
internal sealed class AcmeFailure(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The CA's problem type without its prefix, such as <c>rateLimited</c>; null for none.</summary>
    public string? Problem { get; init; }

    /// <summary>How long the CA wants not to be asked again, or null.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether that holds for all domains.</summary>
    public bool ConcernsAllDomains { get; init; }

    /// <summary>Whether another kind of challenge may succeed where this one failed.</summary>
    public bool MayPassOtherwise { get; init; }
}

using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>Which CA, and how patient hotcore is with it.</summary>
/// <param name="Directory">The URL that all of the CA's other URLs are learned from.</param>
internal sealed record AcmeSettings(Uri Directory)
{
    public static readonly AcmeSettings LetsEncrypt = new(new Uri("https://acme-v02.api.letsencrypt.org/directory"))
    {
        IsPublic = true,
    };

    /// <summary>
    /// Whether the CA certifies for everybody, and so nothing but the names of the public DNS. Of one that the owner named
    /// that is not known: it may be the owner's own.
    /// </summary>
    public bool IsPublic { get; init; }

    /// <summary>A PEM file of roots to trust for the CA's own TLS beside those of the system, or null.</summary>
    public string? ExtraRootsFile { get; init; }

    /// <summary>How long one issuance may take from its first request to its last.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long one request may take.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long to wait before asking again what has become of an order, where the CA does not say.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    public AcmeFailure OutOfPatience(DomainName domain, Exception? inner = null) =>
        new($"the CA did not finish with {domain} within {Patience.TotalMinutes:0.#} min", inner);
}

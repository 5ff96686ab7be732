using Hotcore.Mappings;

namespace Hotcore.Logs;

/// <summary>What a status line says of a certificate.</summary>
/// <param name="State">One word, and what goes with it: <c>valid until … renews …</c>.</param>
/// <param name="Reason">What failed and what the owner can do, in words for people; or null.</param>
internal readonly record struct CertificateWords(string State, string? Reason);

/// <summary>Where the status learns about certificates. Both are asked from any thread, and answer at once.</summary>
/// <param name="Describe">What to say of a domain's certificate.</param>
/// <param name="NeedsAttention">Whether the owner has to look at it.</param>
internal sealed record CertificateStatus(Func<DomainName, CertificateWords> Describe, Predicate<DomainName> NeedsAttention)
{
    /// <summary>There are no certificates.</summary>
    public static readonly CertificateStatus None = new(_ => new CertificateWords("none", null), _ => false);
}

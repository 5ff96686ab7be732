using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// The names of the Internet's DNS. Of any other no public CA can find out whose it is, so none certifies it (CA/Browser
/// Forum, Baseline Requirements 3.2.2.4 and 4.2.2), and to ask for it would only use up what the CA allows.
/// </summary>
internal static class PublicNames
{
    /// <summary>Not in that DNS, with everything beneath; single labels apart, of which none is.</summary>
    private static readonly string[] Others =
    [
        "localhost", "test", "example", "invalid", // RFC 6761, RFC 2606 2
        "local", // RFC 6762: multicast DNS
        "onion", // RFC 7686: Tor, where a CA that speaks HTTP and TLS reaches nobody
        "home.arpa", // RFC 8375: networks in homes
        "internal", // ICANN's board, 29 July 2024: private networks
        "home", "corp", "lan", // in such wide private use that they are not delegated; of the first two, ICANN said never
    ];

    /// <summary>Whether the domain is one of them.</summary>
    public static bool Include(DomainName domain)
    {
        var name = domain.ToString();
        return name.Contains('.') && !HasUnderscore(domain) && !Others.Any(other => IsBeneath(name, other));
    }

    /// <summary>No public CA certifies such a name, be it in the DNS (Baseline Requirements 7.1.2.7.12: LDH labels only).</summary>
    public static bool HasUnderscore(DomainName domain) => domain.ToString().Contains('_');

    private static bool IsBeneath(string name, string other) =>
        name.EndsWith(other, StringComparison.Ordinal)
        && (name.Length == other.Length || name[name.Length - other.Length - 1] == '.');
}

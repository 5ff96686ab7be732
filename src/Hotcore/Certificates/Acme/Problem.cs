using System.Text;
using System.Text.Json;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>A CA's problem documents (RFC 8555 6.7) in words for people.</summary>
internal static class Problem
{
    private const string Prefix = "urn:ietf:params:acme:error:";
    private const int MaxDetailLength = 300;

    /// <summary>The type without its prefix; the empty text for none.</summary>
    public static string TypeOf(ProblemDocument? problem)
    {
        var type = problem?.Type ?? "";
        return type.StartsWith(Prefix, StringComparison.Ordinal) ? type[Prefix.Length..] : type;
    }

    /// <summary>Reads a problem document; null where the body is not one.</summary>
    public static ProblemDocument? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, AcmeJson.Default.ProblemDocument);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>One line: what is wrong with a domain, what to do, and in brackets the CA's own words.</summary>
    public static string Explain(ProblemDocument? problem, DomainName domain, bool byTls)
    {
        var own = OwnWords(problem);
        var words = Words(TypeOf(problem), domain, byTls);
        return own.Length == 0 ? words : $"{words} ({own})";
    }

    /// <summary>Whether what failed by one kind of challenge may pass by another.</summary>
    public static bool MayPassOtherwise(ProblemDocument? problem) =>
        TypeOf(problem) is not ("dns" or "caa" or "rateLimited" or "rejectedIdentifier" or "serverInternal");

    /// <summary>Whether a rate limit is the account's: its text names neither the domain nor a parent of it.</summary>
    public static bool IsOfAccount(ProblemDocument? problem, DomainName domain)
    {
        var text = problem?.Detail ?? "";
        ReadOnlySpan<char> name = domain.ToString();
        while (name.Contains('.'))
        {
            if (text.AsSpan().Contains(name, StringComparison.OrdinalIgnoreCase)) return false;
            name = name[(name.IndexOf('.') + 1)..];
        }
        return true;
    }

    private static string Words(string type, DomainName domain, bool byTls) => type switch
    {
        "dns" => $"DNS for {domain} does not point here: make an A or AAAA record with this server's address",
        "connection" => $"port {(byTls ? 443 : 80)} of {domain} cannot be reached from outside: open it in the "
            + "firewall, and check that DNS points to this server",
        "unauthorized" or "incorrectResponse" => $"another server answers for {domain}: point its DNS to this one, "
            + "and take away proxies in between",
        "tls" => $"the TLS answer for {domain} on port 443 is not from here: check that DNS points to this server",
        "caa" => $"DNS forbids this CA to certify {domain}: change its CAA record, or take it away",
        "rateLimited" => $"the CA has had too many requests for now, and {domain} waits as long as it asks to",
        "rejectedIdentifier" or "unsupportedIdentifier" =>
            $"the CA does not certify {domain}: use a public domain name",
        "badCSR" => $"the CA refused the certificate request for {domain}",
        "accountDoesNotExist" => "the CA does not know this hotcore's account",
        "externalAccountRequired" => "the CA wants an account made by hand, which hotcore does not have",
        "userActionRequired" => "the CA wants its owner's consent to something: follow the link in its words",
        "serverInternal" => "the CA has a fault of its own: nothing to be done here",
        "" => $"the CA refused {domain} without saying why",
        _ => $"the CA refused {domain}",
    };

    private static string OwnWords(ProblemDocument? problem)
    {
        if (problem is null) return "";
        var words = new StringBuilder(problem.Detail);
        foreach (var part in problem.Subproblems ?? [])
        {
            if (words.Length < MaxDetailLength) words.Append(words.Length == 0 ? "" : "; ").Append(part?.Detail);
        }
        if (words.Length == 0) words.Append(TypeOf(problem));
        return Tidy(words.ToString());
    }

    /// <summary>Foreign text on one line, and not too long.</summary>
    public static string Tidy(string text)
    {
        var line = string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character)).Trim();
        if (line.Length <= MaxDetailLength) return line;
        var end = char.IsHighSurrogate(line[MaxDetailLength - 1]) ? MaxDetailLength - 1 : MaxDetailLength;
        return line[..end] + "…";
    }
}

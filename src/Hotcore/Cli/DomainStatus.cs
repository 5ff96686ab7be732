using System.Globalization;
using System.Text.RegularExpressions;

namespace Hotcore.Cli;

/// <summary>What a line of the listing <c>status domains</c> says of one domain.</summary>
internal sealed partial class DomainStatus
{
    private static readonly TimeSpan TooCloseToItsEnd = TimeSpan.FromDays(3);

    private readonly string _certificate;
    private readonly Dictionary<string, string> _facts;

    private DomainStatus(string[] words, string? fault, string? reason)
    {
        (Name, Port, IsUp, _certificate, Fault, Reason) = (words[0], words[1], words[3] == "up", words[5], fault, reason);
        _facts = words[6..].Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
    }

    public string Name { get; }

    public string Port { get; }

    public bool IsUp { get; }

    /// <summary>The app speaks HTTPS, not HTTP.</summary>
    public bool SpeaksHttps => _facts.GetValueOrDefault("scheme") == "https";

    /// <summary>What its app answered wrongly within the last hour, or null.</summary>
    public string? Fault { get; }

    /// <summary>What failed with its certificate and what can be done, or null.</summary>
    public string? Reason { get; }

    /// <summary>Its certificate in plain words, with two blanks in front; empty where there is nothing to say.</summary>
    public string Certificate => _certificate switch
    {
        "valid" => $"  {(IsOwners ? "your own certificate" : "certificate")} valid until {Day("until")}{After(", renewed ", "renews")}",
        "pending" => "  certificate on its way",
        "failed" => $"  no valid certificate{After(", tried again ", "retries")}",
        "none" when Reason is not null => "  plain HTTP only",
        _ => "",
    };

    /// <summary>
    /// Nothing listens, there is no valid certificate, it ends within 3 days, or it is the owner's own and the next is wanted.
    /// </summary>
    public bool NeedsAttention =>
        !IsUp || _certificate == "failed" || (_certificate == "valid" && (EndsSoon || (IsOwners && Reason is not null)));

    private bool IsOwners => _facts.GetValueOrDefault("from") == "owner";

    private bool EndsSoon =>
        DateTimeOffset.TryParse(_facts.GetValueOrDefault("until"), CultureInfo.InvariantCulture, out var end)
        && end - DateTimeOffset.UtcNow < TooCloseToItsEnd;

    /// <summary>Reads one line.</summary>
    /// <exception cref="CommandFailure">It is not what this version of hotcore says.</exception>
    public static DomainStatus Parse(string line)
    {
        var quoted = Quoted().Match(line);
        var fault = quoted.Success ? quoted.Groups["words"].Value : null;
        var parts = (quoted.Success ? line.Remove(quoted.Groups["fault"].Index, quoted.Groups["fault"].Length) : line)
            .Split(" because ", 2);
        if (parts[0].Split(' ') is [_, _, "upstream", _, "certificate", ..] words && words.Length > 5)
            return new DomainStatus(words, fault, parts.Length == 2 ? parts[1] : null);
        throw new CommandFailure(ExitCode.Refused, "whatever has the control port is not this version of hotcore");
    }

    /// <summary>The fault's place is before the reason, whose text may be anything.</summary>
    [GeneratedRegex("^(?:(?! because ).)*?(?<fault> fault \"(?<words>[^\"]*)\")")]
    private static partial Regex Quoted();

    private string Day(string key) => _facts.GetValueOrDefault(key)?.Replace('T', ' ') ?? "?";

    private string After(string words, string key) => _facts.ContainsKey(key) ? words + Day(key) : "";
}

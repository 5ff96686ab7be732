using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Hotcore.Mappings;

namespace Hotcore.Control;

/// <summary>What a message asks for.</summary>
internal enum ControlVerb
{
    Add,
    Remove,
    Renew,
    List,
    Status,
    StatusOfDomain,
    StatusOfDomains,
    Check,
    Version,
}

/// <summary>
/// One message of the UDP interface, both ends of it: how a request is written and read, and how replies are worded.
/// </summary>
/// <param name="Verb">What is asked for.</param>
/// <param name="Domain">The domain it is about; for a listing, the one it begins after, or null for all.</param>
/// <param name="Port">The port of <see cref="ControlVerb.Add"/>, 1 to 65535; else 0.</param>
internal readonly record struct ControlMessage(ControlVerb Verb, DomainName? Domain = null, int Port = 0)
{
    /// <summary>The longest request, in bytes.</summary>
    public const int MaxRequestBytes = 1024;

    /// <summary>The longest reply, in bytes.</summary>
    public const int MaxReplyBytes = 60_000;

    /// <summary>The last line of a listing that goes on.</summary>
    public const string More = "more";

    public const string Check = "check";

    public const string CheckReply = "kcehc";

    private const string ErrorPrefix = "error ";

    /// <summary>The requests as a user reads them: what to send, and what comes back.</summary>
    public static IReadOnlyList<(string Request, string Reply)> Catalogue { get; } =
    [
        ("add <domain> <port>", "ok <domain> <port>"),
        ("remove <domain>", "ok <domain>"),
        ("list", "one 'domain port' a line, sorted; the last line is 'more' where it goes on"),
        ("list after <domain>", "the same, from the first domain beyond that one"),
        ("status", "lines of 'key value'"),
        ("status <domain>", "domain port upstream <up or down> certificate <state> …"),
        ("status domains", "the same for all domains; goes on with 'status domains after <domain>'"),
        ("renew <domain>", "ok <domain>; a new certificate with a new key is asked for"),
        ("check", "kcehc"),
        ("version", "the version number"),
        ("anything else", "error <what is wrong, and what would be right>"),
    ];

    /// <summary>
    /// Reads a datagram, which may hold anything. On refusal <paramref name="error"/> is one line that says what is
    /// wrong and what would be right.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out ControlMessage message, out string error)
    {
        message = default;
        error = CheckEncoding(datagram);
        if (error.Length > 0) return false;
        var text = Encoding.UTF8.GetString(datagram);
        if (text.EndsWith('\n')) text = text[..^(text.EndsWith("\r\n", StringComparison.Ordinal) ? 2 : 1)];
        foreach (var character in text)
        {
            if (!char.IsControl(character) || character == '\t') continue;
            error = "a message is one line, and holds no control characters";
            return false;
        }
        var words = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        error = Read(words, out message);
        return error.Length == 0;
    }

    /// <summary>The reply to a change that is durable, or to a wish that is.</summary>
    public static string FormatOk(DomainName domain, int? port = null) =>
        port is null ? $"ok {domain}" : string.Create(CultureInfo.InvariantCulture, $"ok {domain} {port}");

    public static string FormatError(string reason) => ErrorPrefix + reason;

    /// <summary>The reason, where a reply is a refusal; else null.</summary>
    public static string? FindError(string reply) =>
        reply.StartsWith(ErrorPrefix, StringComparison.Ordinal) ? reply[ErrorPrefix.Length..] : null;

    private static string CheckEncoding(ReadOnlySpan<byte> datagram)
    {
        if (datagram.Length > MaxRequestBytes) return $"a message is at most {MaxRequestBytes} bytes long";
        return Utf8.IsValid(datagram) ? "" : "a message is UTF-8 text";
    }

    private static string Read(string[] words, out ControlMessage message)
    {
        message = default;
        return words switch
        {
            [] => $"the message is empty; {KnownMessages()}",
            ["add", string domain, string port] => ReadAdd(domain, port, out message),
            ["add", ..] => "use: add <domain> <port>, for example: add a.com 8080",
            ["remove", string domain] => ReadDomain(ControlVerb.Remove, domain, out message),
            ["remove", ..] => "use: remove <domain>, for example: remove a.com",
            ["renew", string domain] => ReadDomain(ControlVerb.Renew, domain, out message),
            ["renew", ..] => "use: renew <domain>, for example: renew a.com",
            ["list"] => Accept(new ControlMessage(ControlVerb.List), out message),
            ["list", "after", string domain] => ReadDomain(ControlVerb.List, domain, out message),
            ["list", ..] => "use: list, or: list after <domain>",
            ["status"] => Accept(new ControlMessage(ControlVerb.Status), out message),
            ["status", "domains"] => Accept(new ControlMessage(ControlVerb.StatusOfDomains), out message),
            ["status", "domains", "after", string domain] =>
                ReadDomain(ControlVerb.StatusOfDomains, domain, out message),
            ["status", string domain] => ReadDomain(ControlVerb.StatusOfDomain, domain, out message),
            ["status", ..] => "use: status, or: status <domain>, or: status domains, or: status domains after <domain>",
            [Check] => Accept(new ControlMessage(ControlVerb.Check), out message),
            ["version"] => Accept(new ControlMessage(ControlVerb.Version), out message),
            [Check or "version", ..] => $"use: {words[0]}, and nothing after it",
            _ => $"'{DomainName.Clip(words[0])}' is not a message; {KnownMessages()}",
        };
    }

    private static string KnownMessages() => "use one of: add, remove, list, status, renew, check, version";

    private static string Accept(ControlMessage read, out ControlMessage message)
    {
        message = read;
        return "";
    }

    private static string ReadDomain(ControlVerb verb, string word, out ControlMessage message)
    {
        message = default;
        if (!DomainName.TryParse(word, out var domain, out var error)) return error;
        message = new ControlMessage(verb, domain);
        return "";
    }

    private static string ReadAdd(string domainWord, string portWord, out ControlMessage message)
    {
        var error = ReadDomain(ControlVerb.Add, domainWord, out message);
        if (error.Length > 0) return error;
        if (!Mapping.TryParsePort(portWord, out var port))
            return $"'{DomainName.Clip(portWord)}' is not a port; use a number from 1 to 65535";
        message = message with { Port = port };
        return "";
    }
}

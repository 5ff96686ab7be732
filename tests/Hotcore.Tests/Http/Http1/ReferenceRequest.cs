using System.Net;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Hotcore.Http.Http1;

/// <summary>
/// Which request heads are acceptable, written once more and as plainly as can be: regular expressions over the whole text,
/// without regard to speed or to where the text is cut. Knows no limits.
/// </summary>
internal static partial class ReferenceRequest
{
    public static bool IsAcceptable(string text)
    {
        if (text.StartsWith("\r\n", StringComparison.Ordinal))
            text = text[2..];
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0 || Whole().Match(text[..(end + 2)]) is not { Success: true } head)
            return false;
        var fields = head.Groups["name"].Captures.Select(c => c.Value.ToLowerInvariant())
            .Zip(head.Groups["value"].Captures.Select(c => c.Value.Trim(' ', '\t'))).ToList();
        List<string> Values(string name) => [.. fields.Where(f => f.First == name).Select(f => f.Second)];
        var isOld = head.Groups["minor"].Value == "0";
        var (encodings, lengths, hosts) = (Values("transfer-encoding"), Values("content-length"), Values("host"));
        return encodings.Count + lengths.Count <= 1
            && encodings.All(e => !isOld && e.Equals("chunked", StringComparison.OrdinalIgnoreCase))
            && lengths.All(l => l.Length > 0 && l.All(char.IsAsciiDigit) && BigInteger.Parse(l) <= long.MaxValue - 8)
            && hosts.Count <= 1 && (isOld || hosts.Count == 1) && hosts.All(IsAuthority)
            && IsTarget(head.Groups["method"].Value, head.Groups["target"].Value, hosts.FirstOrDefault());
    }

    private static bool IsTarget(string method, string target, string? host)
    {
        if (method == "CONNECT")
            return false;
        if (target[0] == '/')
            return true;
        if (target == "*")
            return method == "OPTIONS";
        var absolute = Absolute().Match(target);
        var authority = absolute.Groups[1].Value;
        return absolute.Success && IsAuthority(authority)
            && (host is null || Bare(host).Equals(Bare(authority), StringComparison.OrdinalIgnoreCase));

        string Bare(string one) => Regex.Replace(one, $":({(absolute.Groups[0].Value[4] == ':' ? 80 : 443)})?$", "");
    }

    private static bool IsAuthority(string text)
    {
        var authority = Authority().Match(text);
        var (name, literal, port) = (authority.Groups["name"].Value, authority.Groups["literal"].Value, authority.Groups["port"].Value);
        return authority.Success && name != "." && !name.EndsWith("..", StringComparison.Ordinal) && (port.Length == 0 || int.Parse(port) <= 65535)
            && (literal.Length == 0 || IPAddress.TryParse(literal, out _));
    }

    [GeneratedRegex(
        @"\A(?<method>[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) (?<target>[!-""$-~]+) HTTP/1\.(?<minor>[0-9])\r\n"
        + @"(?:(?<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+):(?<value>[\t -~\x80-\xFF]*)\r\n)*\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"\Ahttps?://([^/?]*)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Absolute();

    [GeneratedRegex(@"\A(?:(?<name>[-._0-9A-Za-z]{1,254})|\[(?<literal>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\])(?::(?<port>[0-9]{0,5}))?\z")]
    private static partial Regex Authority();
}

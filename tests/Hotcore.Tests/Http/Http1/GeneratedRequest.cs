using System.Text;

namespace Hotcore.Http.Http1;

/// <summary>A request that is valid by construction, as text, and what it means.</summary>
internal sealed record GeneratedRequest(string Text, ParsedRequest Meaning)
{
    private static readonly string[] KnownNames =
    [
        "accept", "connection", "content-length", "expect", "forwarded", "host", "http2-settings", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "x-real-ip",
    ];

    public static GeneratedRequest Create(Random random)
    {
        var method = random.Next(3) > 0 ? Cases.Pick<string>(random, "GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND") : Method(random);
        var (host, authority) = Authority(random);
        var path = "/" + Target(random);
        var isAbsolute = random.Next(6) == 0;
        var target = isAbsolute ? Wire.RandomCase(random, Cases.Pick<string>(random, "http", "https")) + "://" + authority + path : path;
        var minor = random.Next(4) == 0 ? 0 : 1;
        var lines = new List<(string Name, string Value)>();
        for (var i = random.Next(12); i > 0; i--)
            lines.Add((Name(random), Wire.Value(random, 40)));
        var (framing, length) = AddFraming(random, lines, minor);
        var isPersistent = AddConnection(random, lines, minor);
        lines.Insert(random.Next(lines.Count + 1), (Wire.RandomCase(random, "Host"), authority));
        var text = new StringBuilder(random.Next(10) == 0 ? "\r\n" : "").Append($"{method} {target} HTTP/1.{minor}\r\n");
        foreach (var (name, value) in lines)
            text.Append($"{name}:{Blanks(random)}{value}{Blanks(random)}\r\n");
        text.Append("\r\n");
        return new GeneratedRequest(text.ToString(), new ParsedRequest(
            ParseStatus.Complete, 0, text.Length, method, path, authority, host, minor, framing, length, isPersistent, false, false,
            string.Join('\n', lines.Select(line => $"{line.Name}={line.Value}"))));
    }

    /// <summary>One that may have what requests should not have, so that damage meets it where it matters.</summary>
    public static string CreateDubious(Random random)
    {
        var text = Create(random).Text;
        for (var i = random.Next(3); i > 0; i--)
        {
            var line = Cases.Pick<string>(
                random, "Host: b.com\r\n", "Content-Length: 5\r\n", "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n",
                "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n",
                "Connection: close\r\n", "Connection: Host, X-A\r\n", "X-A: b\r\n c\r\n", "X-A: b\nC: d\r\n", "X-A\r\n",
                "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Host: [::1]\r\n", "Host: [::1%eth0]\r\n");
            var after = text.IndexOf("\r\n", random.Next(text.Length - 2), StringComparison.Ordinal);
            text = text.Insert(after + 2, line);
        }

        if (random.Next(8) == 0)
            text = text.Replace("a", Cases.Pick<string>(random, "%", "@", ":", "[", "]", "/", "?", "#", "\t", "\r", "\n", "\0"));
        if (random.Next(8) == 0)
            text = Cases.Pick<string>(random, "CONNECT", "OPTIONS", "get") + text[Math.Max(0, text.IndexOf(' '))..];
        return text;
    }

    private static string Method(Random random)
    {
        var method = Wire.Token(random, 12);
        return method == "CONNECT" ? "GET" : method;
    }

    private static (string Host, string Authority) Authority(Random random)
    {
        var host = random.Next(8) == 0
            ? Cases.Pick<string>(random, "[::1]", "[2001:db8::a:B]", "127.0.0.1", "[::ffff:1.2.3.4]")
            : string.Join('.', Enumerable.Range(0, 1 + random.Next(4)).Select(_ => $"a{random.Next(1000)}-B_c"));
        var dot = host[0] != '[' && random.Next(5) == 0 ? "." : "";
        return (host, host + dot + Cases.Pick<string>(random, "", "", "", ":", ":80", ":65535", ":00001"));
    }

    private static string Target(Random random) => string.Concat(
        Enumerable.Range(0, random.Next(40)).Select(_ => (char)random.Next(0x21, 0x7F))).Replace("#", "");

    private static string Name(Random random)
    {
        var name = Wire.Token(random, 20);
        return KnownNames.Contains(name.ToLowerInvariant()) ? "X" : name;
    }

    private static (BodyFraming, long) AddFraming(Random random, List<(string, string)> lines, int minor)
    {
        switch (random.Next(3))
        {
            case 0 when minor == 1:
                lines.Add((Wire.RandomCase(random, "Transfer-Encoding"), Wire.RandomCase(random, "chunked")));
                return (BodyFraming.Chunked, 0);
            case 1:
                var length = random.NextInt64(random.Next(2) == 0 ? 100 : 1L << 62);
                lines.Add((Wire.RandomCase(random, "Content-Length"), $"{length}"));
                return (BodyFraming.Length, length);
            default:
                return (BodyFraming.None, 0);
        }
    }

    private static bool AddConnection(Random random, List<(string, string)> lines, int minor)
    {
        var option = Cases.Pick<string>(random, "", "close", "keep-alive", ", ,close,", "Keep-Alive ,keep-alive");
        if (option.Length > 0)
            lines.Add((Wire.RandomCase(random, "Connection"), option));
        return !option.Contains("close") && (minor == 1 || option.Length > 0);
    }

    private static string Blanks(Random random) => Cases.Pick<string>(random, "", " ", "\t", " \t ");
}

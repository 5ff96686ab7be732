using System.Globalization;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>The field lines of a head or a trailer section, in their order.</summary>
public sealed class Fields : List<(string Name, string Value)>
{
    /// <summary>The value of a field that may stand there once; null if it does not stand there.</summary>
    public string? this[string name] => Values(name) switch
    {
        [] => null,
        [var value] => value,
        var values => throw new MalformedMessageException($"{values.Length} lines of {name}: {string.Join(" | ", values)}"),
    };

    public string[] Values(string name) =>
        [.. from field in this where field.Name.Equals(name, StringComparison.OrdinalIgnoreCase) select field.Value];

    public bool Has(string name) => Values(name).Length > 0;
}

/// <summary>A start line, taken apart, and its fields.</summary>
public sealed class MessageHead(string startLine, Fields fields)
{
    public string StartLine { get; } = startLine;

    public Fields Fields { get; } = fields;

    public string Method => RequestWords[0];

    public string Target => RequestWords[1];

    /// <summary>The status of a response.</summary>
    public int Status
    {
        get
        {
            var words = StartLine.Split(' ', 3);
            if (words is not ["HTTP/1.1" or "HTTP/1.0", [>= '1' and <= '9', >= '0' and <= '9', >= '0' and <= '9'], _])
                throw new MalformedMessageException($"not a status line: {WireReader.Shown(StartLine)}");
            return int.Parse(words[1]);
        }
    }

    private string[] RequestWords
    {
        get
        {
            var words = StartLine.Split(' ');
            if (words is not [{ Length: > 0 } method, { Length: > 0 } target, "HTTP/1.1" or "HTTP/1.0"]
                || !method.AsSpan().ContainsOnlyTokenCharacters()
                || target.Any(c => c is <= ' ' or '\u007f'))
            {
                throw new MalformedMessageException($"not a request line: {WireReader.Shown(StartLine)}");
            }
            return words;
        }
    }
}

/// <summary>How the end of a body shows.</summary>
public enum Framing
{
    None,
    Length,
    Chunked,
    UntilClose,
}

/// <summary>
/// A body on its way. <see cref="Read"/> returns 0 at the body's proper end only; a connection that ends before it is
/// a <see cref="TruncatedMessageException"/>.
/// </summary>
public sealed class IncomingBody
{
    private readonly WireReader _reader;
    private long _left;
    private bool _hasEnded;
    private bool _isWithinChunks;

    private IncomingBody(WireReader reader, Framing framing, long length)
    {
        _reader = reader;
        Framing = framing;
        _left = length;
        _hasEnded = framing == Framing.None;
    }

    public Framing Framing { get; }

    /// <summary>The fields behind a chunked body, once its end was read.</summary>
    public Fields Trailers { get; private set; } = [];

    public static IncomingBody OfRequest(WireReader reader, MessageHead head) => Of(reader, head, Framing.None);

    public static IncomingBody OfResponse(WireReader reader, MessageHead head, string requestMethod) =>
        requestMethod == "HEAD" || head.Status is < 200 or 204 or 304
            ? new IncomingBody(reader, Framing.None, 0)
            : Of(reader, head, Framing.UntilClose);

    public async ValueTask<int> Read(Memory<byte> into)
    {
        if (Framing == Framing.Chunked && _left == 0 && !_hasEnded)
            await ReadChunkSize();
        if (_hasEnded || (Framing == Framing.Length && _left == 0))
            return 0;
        if (Framing != Framing.UntilClose && into.Length > _left)
            into = into[..(int)_left];
        var read = await _reader.Read(into);
        if (Framing == Framing.UntilClose)
            return read > 0 || _reader.End == ConnectionEnd.Closed ? read : throw Truncated();
        if (read == 0)
            throw Truncated();
        _left -= read;
        return read;
    }

    public async Task<byte[]> ReadAll()
    {
        var bytes = new MemoryStream();
        var piece = new byte[16_384];
        for (int read; (read = await Read(piece)) > 0;)
            bytes.Write(piece, 0, read);
        return bytes.ToArray();
    }

    private static IncomingBody Of(WireReader reader, MessageHead head, Framing withoutFields)
    {
        var encodings = head.Fields.Values("Transfer-Encoding");
        var lengths = head.Fields.Values("Content-Length");
        return (encodings, lengths) switch
        {
            ([], []) => new IncomingBody(reader, withoutFields, 0),
            (["chunked"], []) => new IncomingBody(reader, Framing.Chunked, 0),
            ([], [{ Length: > 0 and <= 18 } length]) when length.All(char.IsAsciiDigit) =>
                new IncomingBody(reader, Framing.Length, long.Parse(length, CultureInfo.InvariantCulture)),
            _ => throw new MalformedMessageException($"ambiguous framing in {head.StartLine}: Transfer-Encoding "
                + $"[{string.Join(" | ", encodings)}], Content-Length [{string.Join(" | ", lengths)}]"),
        };
    }

    private async Task ReadChunkSize()
    {
        if (_isWithinChunks && await _reader.ReadLine() is { Length: > 0 } rest)
            throw new MalformedMessageException($"a chunk is longer than its size says: {WireReader.Shown(rest)}");
        _isWithinChunks = true;
        var line = await _reader.ReadLine();
        if (line.Length is 0 or > 15 || !line.All(char.IsAsciiHexDigit))
            throw new MalformedMessageException($"not a chunk size: {WireReader.Shown(line)}");
        _left = long.Parse(line, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        if (_left > 0)
            return;
        Trailers = await _reader.ReadFields();
        _hasEnded = true;
    }

    private TruncatedMessageException Truncated() =>
        new($"the connection ended ({_reader.End}) within a body, after {WireReader.Shown(_reader.Received)}");
}

/// <summary>A whole request as an upstream received it.</summary>
public sealed record ReceivedRequest(MessageHead Head, byte[] Body, Fields Trailers, Framing Framing)
{
    public string Method => Head.Method;

    public string Target => Head.Target;

    public Fields Fields => Head.Fields;

    public string Text => Encoding.Latin1.GetString(Body);

    public bool WantsUpgrade => Fields.Has("Upgrade");
}

/// <summary>A whole response as a client received it.</summary>
public sealed record Response(MessageHead Head, byte[] Body, Fields Trailers, Framing Framing)
{
    public int Status => Head.Status;

    public Fields Fields => Head.Fields;

    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>Literal answers that upstreams give.</summary>
public static class Answers
{
    public static string Ok(string body, string fields = "") =>
        $"HTTP/1.1 200 OK\r\nContent-Length: {Encoding.Latin1.GetByteCount(body)}\r\n{fields}\r\n{body}";

    public const string SwitchingProtocols =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n";
}

public static class TokenCharacters
{
    /// <summary>Whether a text is a token of RFC 9110 5.6.2.</summary>
    public static bool ContainsOnlyTokenCharacters(this ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !"!#$%&'*+-.^_`|~".Contains(c))
                return false;
        }
        return text.Length > 0;
    }
}

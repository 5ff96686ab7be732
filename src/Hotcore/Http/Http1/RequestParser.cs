using System.Buffers;

namespace Hotcore.Http.Http1;

/// <summary>
/// Parses the head of an HTTP/1 request, strictly (RFC 9112): whatever could be read in two ways is refused. Keeps how far it
/// came between calls, so each byte is looked at once. One for each connection that is receiving a head.
/// </summary>
internal sealed class RequestParser
{
    public const int MostRequestLineBytes = 16 * 1024;
    public const int MostFieldSectionBytes = 32 * 1024;

    private static readonly Refusal BadLineEnd = new(400, "a line must end in CR LF");
    private static readonly Refusal BadRequestLine = new(400, "the request line must be: method, space, target, space, HTTP/1.1");
    private static readonly Refusal BadVersion = new(505, "hotcore speaks HTTP/1.0 and HTTP/1.1 here");
    private static readonly Refusal BadField = new(400, "a field line must be: name, colon, value; without folding or control characters");
    private static readonly Refusal LongRequestLine = new(414, "the request line is longer than 16 KiB");
    private static readonly Refusal LongFieldSection = new(431, "the header section is longer than 32 KiB");
    private static readonly Refusal ManyFields = new(431, "the header section has more than 128 fields");

    // Visible ASCII but '#': a fragment never travels (RFC 9110 4.2.5).
    private static readonly SearchValues<byte> TargetBytes = SearchValues.Create(
        [.. Enumerable.Range(0x21, 0x7E - 0x20).Where(b => b != '#').Select(b => (byte)b)]);

    private LineReader _lines;
    private int _requestLineEnd;
    private bool _hasSkippedEmptyLine;

    /// <summary>After <see cref="ParseStatus.Complete"/>, the length of the head with all its line ends.</summary>
    public int HeadLength => _lines.Position;

    /// <summary>After <see cref="ParseStatus.Invalid"/>, what was wrong.</summary>
    public Refusal? Refusal { get; private set; }

    /// <summary>Whether all of the bytes may stand in a request's target.</summary>
    public static bool IsTarget(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept(TargetBytes) < 0;

    /// <summary>Begins a new head.</summary>
    public void Reset()
    {
        _lines = default;
        _requestLineEnd = 0;
        _hasSkippedEmptyLine = false;
        Refusal = null;
    }

    /// <summary>
    /// Goes on with a head of which <paramref name="count"/> bytes have been received at <paramref name="start"/> of
    /// <paramref name="bytes"/>; both may have moved since the last call, the content may only have grown.
    /// </summary>
    public ParseStatus Parse(RequestHead head, byte[] bytes, int start, int count)
    {
        var section = bytes.AsSpan(start, count);
        head.Fields.Attach(bytes, start);
        while (true)
        {
            var status = _lines.TakeLine(section, out var lineStart, out var length);
            var refusal = status == ParseStatus.Invalid ? BadLineEnd : Limit(status == ParseStatus.Complete ? _lines.Position : count);
            if (_requestLineEnd == 0 && (refusal is not null || status == ParseStatus.NeedMore))
                refusal = JudgeMethod(section[lineStart..]) ?? refusal;
            if (refusal is not null)
                return Refuse(refusal);
            if (status == ParseStatus.NeedMore)
                return ParseStatus.NeedMore;
            if (TakeLine(head, section, lineStart, length) is { } result)
                return result;
        }
    }

    private ParseStatus? TakeLine(RequestHead head, ReadOnlySpan<byte> section, int start, int length)
    {
        if (_requestLineEnd == 0)
        {
            // One empty line before a request is an old client's leftover and tolerated (RFC 9112 2.2).
            if (length == 0 && !_hasSkippedEmptyLine)
                _hasSkippedEmptyLine = true;
            else if (ParseRequestLine(head, section.Slice(start, length), start) is { } refusal)
                return Refuse(refusal);
            else
                _requestLineEnd = _lines.Position;
            return null;
        }

        if (length == 0)
            return RequestRules.Apply(head) is { } refused ? Refuse(refused) : ParseStatus.Complete;
        if (!FieldLine.TryParse(section, start, length, out var field))
            return Refuse(BadField);
        return head.Fields.TryAdd(field, FieldSection.MostInRequest) ? null : Refuse(ManyFields);
    }

    private static Refusal? ParseRequestLine(RequestHead head, ReadOnlySpan<byte> line, int start)
    {
        var methodEnd = line.IndexOf((byte)' ');
        if (methodEnd is < 0 or > RequestHead.MostMethodBytes && JudgeMethod(line) is { } refusedMethod)
            return refusedMethod;
        var targetEnd = line.LastIndexOf((byte)' ');
        if (methodEnd <= 0 || targetEnd <= methodEnd + 1 || !FieldLine.IsToken(line[..methodEnd]))
            return BadRequestLine;
        var target = line[(methodEnd + 1)..targetEnd];
        if (!IsTarget(target))
            return BadRequestLine;
        if (ParseVersion(head, line[(targetEnd + 1)..]) is { } refusal)
            return refusal;
        head.MethodStart = start;
        head.MethodLength = methodEnd;
        head.TargetStart = start + methodEnd + 1;
        head.TargetLength = target.Length;
        return null;
    }

    private static Refusal? ParseVersion(RequestHead head, ReadOnlySpan<byte> version)
    {
        // HTTP-version = "HTTP/" DIGIT "." DIGIT, in upper case (RFC 9112 2.3).
        if (version.Length != 8 || !version.StartsWith("HTTP/"u8) || version[6] != '.'
            || !char.IsAsciiDigit((char)version[5]) || !char.IsAsciiDigit((char)version[7]))
            return BadRequestLine;
        if (version[5] != '1')
            return BadVersion;
        head.MinorVersion = version[7] == '0' ? 0 : 1;
        return null;
    }

    /// <summary>
    /// What is wrong with the method of a request line, as far as that has come, where it is too long to be one: that counts, whatever
    /// else is wrong (RFC 9112 3).
    /// </summary>
    private static Refusal? JudgeMethod(ReadOnlySpan<byte> line)
    {
        const int TooMany = RequestHead.MostMethodBytes + 1;
        if (line.Length < TooMany || line[..TooMany].Contains((byte)' '))
            return null;
        return FieldLine.IsToken(line[..TooMany]) ? RequestHead.LongMethod : BadRequestLine;
    }

    private Refusal? Limit(int position)
    {
        if (_requestLineEnd == 0)
            return position - (_hasSkippedEmptyLine ? 2 : 0) > MostRequestLineBytes + 2 ? LongRequestLine : null;
        return position - _requestLineEnd > MostFieldSectionBytes ? LongFieldSection : null;
    }

    private ParseStatus Refuse(Refusal refusal)
    {
        Refusal = refusal;
        return ParseStatus.Invalid;
    }
}

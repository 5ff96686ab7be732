namespace Hotcore.Http.Http1;

/// <summary>
/// Parses the head of an HTTP/1 response. What is odd and means one thing passes, as RFC 9112 has it for recipients; an answer that
/// could be framed in two ways is the upstream's fault and must not reach a client. Keeps how far it came between calls.
/// </summary>
internal sealed class ResponseParser
{
    public const int MostHeadBytes = 48 * 1024;

    private LineReader _lines;
    private bool _hasStatusLine;

    /// <summary>After <see cref="ParseStatus.Complete"/>, the length of the head with all its line ends.</summary>
    public int HeadLength => _lines.Position;

    /// <summary>After <see cref="ParseStatus.Invalid"/>, what was wrong.</summary>
    public AnswerFault? Fault { get; private set; }

    /// <summary>Begins a new head.</summary>
    public void Reset()
    {
        _lines = default;
        _hasStatusLine = false;
        Fault = null;
    }

    /// <summary>
    /// Goes on with a head of which <paramref name="count"/> bytes have been received at <paramref name="start"/> of
    /// <paramref name="bytes"/>, and may rewrite lines there. <paramref name="answersHead"/>: the request was HEAD, so no body follows.
    /// </summary>
    public ParseStatus Parse(ResponseHead head, byte[] bytes, int start, int count, bool answersHead)
    {
        var section = bytes.AsSpan(start, count);
        head.Fields.Attach(bytes, start);
        while (true)
        {
            var status = _lines.TakeLine(section, out var lineStart, out var length);
            if (!_hasStatusLine && !IsBeginning(section))
                return Refuse(AnswerFault.Of(FirstLine(section), "which is no HTTP"));
            if (status != ParseStatus.Complete || _lines.Position > MostHeadBytes)
                return EndEarly(status, section, lineStart);
            if (!_hasStatusLine)
            {
                _hasStatusLine = true;
                if (ParseStatusLine(head, section.Slice(lineStart, length), lineStart) is { } fault)
                    return Refuse(fault);
            }
            else if (length == 0)
            {
                return ResponseRules.Apply(head, answersHead) is { } fault ? Refuse(fault) : ParseStatus.Complete;
            }
            else if (!FieldLine.TryParseLeniently(section, lineStart, length, out var field))
            {
                return Refuse(FieldLine.FaultOf(section.Slice(lineStart, length)));
            }
            else if (!head.Fields.TryAdd(field, FieldSection.MostInAnswer))
            {
                return Refuse(AnswerFault.Of("answered with more than 1,000 fields"));
            }
        }
    }

    /// <summary>What was received may begin an answer: nobody waits for the line's end of what is no HTTP.</summary>
    private static bool IsBeginning(ReadOnlySpan<byte> section)
    {
        var begin = "HTTP/"u8;
        return section.Length < begin.Length ? begin.StartsWith(section) : section.StartsWith(begin);
    }

    private static ReadOnlySpan<byte> FirstLine(ReadOnlySpan<byte> section)
    {
        var end = section.IndexOfAny("\r\n"u8);
        return end < 0 ? section : section[..end];
    }

    private ParseStatus EndEarly(ParseStatus status, ReadOnlySpan<byte> section, int lineStart)
    {
        if (status == ParseStatus.Invalid)
            return Refuse(AnswerFault.Of(FirstLine(section[lineStart..]), "which does not end in CR LF"));
        if ((status == ParseStatus.NeedMore ? section.Length : _lines.Position) > MostHeadBytes)
            return Refuse(AnswerFault.Of("answered with a head of more than 48 KiB"));
        return ParseStatus.NeedMore;
    }

    /// <summary>HTTP-version SP 3DIGIT [SP reason] (RFC 9112 4); the space before an absent reason may be absent too.</summary>
    private static AnswerFault? ParseStatusLine(ResponseHead head, ReadOnlySpan<byte> line, int start)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[8] != ' ' || !char.IsAsciiDigit((char)line[7])
            || (line.Length > 12 && line[12] != ' ') || !ContentLength.TryParse(line.Slice(9, 3), out var status))
            return AnswerFault.Of(line, "which is no status line of HTTP/1.1");
        if (status < 100)
            return AnswerFault.Of(line, "which has no status from 100 to 999");
        if (!FieldLine.IsTolerableValue(line))
            return AnswerFault.Of(line, "which has a CR or NUL in it");
        head.MinorVersion = line[7] == '0' ? 0 : 1;
        head.Status = (int)status;
        head.ReasonStart = start + Math.Min(13, line.Length);
        head.ReasonLength = Math.Max(0, line.Length - 13);
        return null;
    }

    private ParseStatus Refuse(AnswerFault fault)
    {
        Fault = fault;
        return ParseStatus.Invalid;
    }
}

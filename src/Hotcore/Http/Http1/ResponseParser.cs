namespace Hotcore.Http.Http1;

/// <summary>
/// Parses the head of an HTTP/1 response, as strictly as a request: an answer that could be framed in two ways is the
/// upstream's fault and must not reach a client. Keeps how far it came between calls.
/// </summary>
internal sealed class ResponseParser
{
    public const int MostHeadBytes = 48 * 1024;

    private LineReader _lines;
    private bool _hasStatusLine;

    /// <summary>After <see cref="ParseStatus.Complete"/>, the length of the head with all its line ends.</summary>
    public int HeadLength => _lines.Position;

    /// <summary>Begins a new head.</summary>
    public void Reset()
    {
        _lines = default;
        _hasStatusLine = false;
    }

    /// <summary>
    /// Goes on with a head of which <paramref name="count"/> bytes have been received at <paramref name="start"/> of
    /// <paramref name="bytes"/>. <paramref name="answersHead"/>: the request was HEAD, so no body follows.
    /// </summary>
    public ParseStatus Parse(ResponseHead head, byte[] bytes, int start, int count, bool answersHead)
    {
        var section = bytes.AsSpan(start, count);
        head.Fields.Attach(bytes, start);
        while (true)
        {
            var status = _lines.TakeLine(section, out var lineStart, out var length);
            if (status == ParseStatus.NeedMore)
                return count > MostHeadBytes ? ParseStatus.Invalid : ParseStatus.NeedMore;
            if (status == ParseStatus.Invalid || _lines.Position > MostHeadBytes)
                return ParseStatus.Invalid;
            if (length == 0 && _hasStatusLine)
                return ResponseRules.Apply(head, answersHead) ? ParseStatus.Complete : ParseStatus.Invalid;
            if (!TakeLine(head, section, lineStart, length))
                return ParseStatus.Invalid;
        }
    }

    private bool TakeLine(ResponseHead head, ReadOnlySpan<byte> section, int start, int length)
    {
        if (!_hasStatusLine)
            return _hasStatusLine = ParseStatusLine(head, section.Slice(start, length), start);
        return FieldLine.TryParse(section, start, length, out var field) && head.Fields.TryAdd(field, FieldSection.MostInRequest);
    }

    /// <summary>HTTP-version SP 3DIGIT [SP reason] (RFC 9112 4); the space before an absent reason may be absent too.</summary>
    private static bool ParseStatusLine(ResponseHead head, ReadOnlySpan<byte> line, int start)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[8] != ' ' || !char.IsAsciiDigit((char)line[7]))
            return false;
        if (!ContentLength.TryParse(line.Slice(9, 3), out var status) || status is < 100 or > 599)
            return false;
        if (line.Length > 12 && (line[12] != ' ' || !FieldLine.IsValue(line[13..])))
            return false;
        head.MinorVersion = line[7] == '0' ? 0 : 1;
        head.Status = (int)status;
        head.ReasonStart = start + Math.Min(13, line.Length);
        head.ReasonLength = Math.Max(0, line.Length - 13);
        return true;
    }
}

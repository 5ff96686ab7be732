namespace Hotcore.Http.Http1;

/// <summary>What the next bytes of a body are.</summary>
internal enum BodyEvent
{
    /// <summary>Receive more first.</summary>
    NeedMore,

    /// <summary>Content, as long as <see cref="BodyDecoder.Take"/> says.</summary>
    Content,

    /// <summary>The body is complete, its trailers are in <see cref="BodyDecoder.Trailers"/>.</summary>
    End,

    /// <summary>The chunked framing is broken, or its overhead is beyond all measure.</summary>
    Invalid,
}

/// <summary>
/// Takes a body out of its framing (RFC 9112 6 and 7) without copying: says, piece by piece, which of the received bytes are
/// content. One for each direction of an exchange; reused.
/// </summary>
/// <param name="isLenient">The body is of an app's answer: what is odd in it and means one thing passes.</param>
internal sealed class BodyDecoder(bool isLenient = false)
{
    public const int MostChunkLineBytes = 4 * 1024;
    public const int MostTrailerBytes = 32 * 1024;

    private enum ChunkedState
    {
        Size,
        Content,
        ContentEnd,
        Trailers,
    }

    private BodyFraming _framing;
    private ChunkedState _chunked;
    private long _length;
    private long _remaining;
    private LineReader _trailerLines;

    /// <summary>The trailer section, over the same bytes that the last call was given; valid until more is received.</summary>
    public FieldSection Trailers { get; } = new();

    public bool IsComplete { get; private set; }

    /// <summary>What was wrong with an answer's body: its framing, or that it broke off.</summary>
    public AnswerFault? Fault { get; private set; }

    /// <summary>Begins a body; <paramref name="length"/> is for <see cref="BodyFraming.Length"/>.</summary>
    public void Reset(BodyFraming framing, long length)
    {
        _framing = framing;
        _chunked = ChunkedState.Size;
        _length = _remaining = framing == BodyFraming.Length ? length : 0;
        _trailerLines = default;
        Trailers.Clear();
        Fault = null;
        IsComplete = framing == BodyFraming.None || (framing == BodyFraming.Length && length == 0);
    }

    /// <summary>
    /// Looks at <paramref name="count"/> received bytes at <paramref name="start"/> of <paramref name="bytes"/>.
    /// Of these, <paramref name="skip"/> are framing, and then <paramref name="content"/> are content; the caller consumes both.
    /// </summary>
    public BodyEvent Take(byte[] bytes, int start, int count, out int skip, out int content)
    {
        (skip, content) = (0, 0);
        if (IsComplete)
            return BodyEvent.End;
        return _framing switch
        {
            BodyFraming.UntilClose => TakeContent(count, ref content),
            BodyFraming.Length => TakeLength(count, ref content),
            _ => TakeChunked(bytes, start, count, ref skip, ref content),
        };
    }

    /// <summary>The connection ended: whether that is where the body was to end (RFC 9112 8).</summary>
    public bool EndOfConnectionCompletes()
    {
        if (_framing == BodyFraming.UntilClose)
            IsComplete = true;
        return IsComplete;
    }

    /// <summary>The connection ended, or fell silent, before the body did.</summary>
    public void NoteBreak() => Fault ??= _framing switch
    {
        BodyFraming.Length => new AnswerFault(
            "shorter than its length",
            $"broke off an answer after {_length - _remaining} of the {_length} bytes that its Content-Length says"),
        BodyFraming.Chunked => AnswerFault.Of("broke off an answer before its last chunk"),
        _ => AnswerFault.Of("broke off an answer that ends with its connection"),
    };

    private BodyEvent Refuse(ReadOnlySpan<byte> received, string flaw)
    {
        var end = received.IndexOfAny("\r\n"u8);
        if (isLenient)
            Fault = AnswerFault.Of(end <= 0 ? received[..Math.Min(received.Length, 2)] : received[..end], flaw);
        return BodyEvent.Invalid;
    }

    private static BodyEvent TakeContent(int count, ref int content)
    {
        content = count;
        return count > 0 ? BodyEvent.Content : BodyEvent.NeedMore;
    }

    private BodyEvent TakeLength(int count, ref int content)
    {
        content = (int)Math.Min(count, _remaining);
        if (content == 0)
            return BodyEvent.NeedMore;
        _remaining -= content;
        IsComplete = _remaining == 0;
        return BodyEvent.Content;
    }

    private BodyEvent TakeChunked(byte[] bytes, int start, int count, ref int skip, ref int content)
    {
        var received = bytes.AsSpan(start, count);
        while (true)
        {
            switch (_chunked)
            {
                case ChunkedState.Size:
                    var size = ChunkLine.TryRead(received[skip..], MostChunkLineBytes, isLenient, out var lineLength, out _remaining);
                    if (size != ParseStatus.Complete)
                        return size == ParseStatus.NeedMore ? BodyEvent.NeedMore : Refuse(received[skip..], "which is no chunk size");
                    skip += lineLength;
                    _chunked = _remaining == 0 ? ChunkedState.Trailers : ChunkedState.Content;
                    break;
                case ChunkedState.Content:
                    content = (int)Math.Min(count - skip, _remaining);
                    if (content == 0)
                        return BodyEvent.NeedMore;
                    _remaining -= content;
                    if (_remaining == 0)
                        _chunked = ChunkedState.ContentEnd;
                    return BodyEvent.Content;
                case ChunkedState.ContentEnd:
                    if (!SkipContentEnd(received[skip..], ref skip, out var isBroken))
                        return isBroken ? Refuse(received[skip..], "where a chunk should end") : BodyEvent.NeedMore;
                    _chunked = ChunkedState.Size;
                    break;
                default:
                    return TakeTrailers(bytes, start + skip, count - skip, ref skip);
            }
        }
    }

    private static bool SkipContentEnd(ReadOnlySpan<byte> received, ref int skip, out bool isBroken)
    {
        isBroken = (received.Length > 0 && received[0] != '\r') || (received.Length > 1 && received[1] != '\n');
        if (isBroken || received.Length < 2)
            return false;
        skip += 2;
        return true;
    }

    private BodyEvent TakeTrailers(byte[] bytes, int start, int count, ref int skip)
    {
        var section = bytes.AsSpan(start, count);
        Trailers.Attach(bytes, start);
        while (true)
        {
            var status = _trailerLines.TakeLine(section, out var lineStart, out var length);
            if (status == ParseStatus.Invalid)
                return Refuse(section[lineStart..], "which does not end in CR LF");
            if ((status == ParseStatus.NeedMore ? count : _trailerLines.Position) > MostTrailerBytes)
                return Refuse(section, "which begins trailers of more than 32 KiB");
            if (status == ParseStatus.NeedMore)
                return BodyEvent.NeedMore;
            if (length == 0)
            {
                skip += _trailerLines.Position;
                IsComplete = true;
                return BodyEvent.End;
            }

            if (!TryTakeTrailer(section, lineStart, length))
                return Refuse(section[lineStart..], "which is no field line, or one too many");
        }
    }

    private bool TryTakeTrailer(Span<byte> section, int start, int length) => isLenient
        ? FieldLine.TryParseLeniently(section, start, length, out var lenient) && Trailers.TryAdd(lenient, FieldSection.MostInAnswer)
        : FieldLine.TryParse(section, start, length, out var field) && Trailers.TryAdd(field, FieldSection.MostInRequest);
}

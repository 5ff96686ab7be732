using System.Buffers;
using Hotcore.Http.Http1;

namespace Hotcore.Http.Http2;

/// <summary>How the reading of a field block ended.</summary>
internal enum FieldBlockStatus
{
    /// <summary>All of it is well-formed.</summary>
    Complete,

    /// <summary>A field in it may not be there or not look so: the message is malformed (RFC 9113 8.1.1).</summary>
    Malformed,

    /// <summary>It is larger than a message's fields may be; the decoding state is intact.</summary>
    TooLarge,

    /// <summary>It cannot be decoded, and so nothing behind it: COMPRESSION_ERROR.</summary>
    Undecodable,

    /// <summary>It unpacks to so much that whoever sent it means harm.</summary>
    Bomb,
}

/// <summary>Where the value of a pseudo-field stands (RFC 9113 8.3); absent where the length is -1.</summary>
internal readonly record struct PseudoField(int Start, int Length)
{
    public static PseudoField Absent => new(0, -1);

    public bool IsAbsent => Length < 0;
}

/// <summary>
/// One field block, decoded into lines as HTTP/1.1 would write them, and checked as far as all messages share it
/// (RFC 9113 8.2, 8.3). One for each connection that reads, used for block after block; the lines live in an array of the
/// caller's.
/// </summary>
internal sealed class FieldBlock
{
    /// <summary>
    /// For all fields but the pseudo-fields, counted as RFC 9113 6.5.2 does; cookies that come one by one count as the one field
    /// that they become (8.2.3).
    /// </summary>
    public const int MostSectionBytes = 32 * 1024;

    /// <summary>What an app may send of an answer, counted so: as many fields and bytes as it may over HTTP/1.1.</summary>
    public const int MostAnswerListBytes = ResponseParser.MostHeadBytes + FieldSection.MostInAnswer * (OverheadOfOne - OverheadOfLine);

    /// <summary>An array of this size holds every block that is not too large, and what is made of it.</summary>
    public const int ScratchBytes = 128 * 1024;

    private const int MostPathBytes = RequestParser.MostRequestLineBytes;
    private const int OverheadOfOne = 32;

    // ": " and CRLF.
    private const int OverheadOfLine = 4;

    private const int MostDecodedBytes = 256 * 1024;

    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"u8);

    private bool _isOfAnswer;
    private bool _isMalformed;
    private bool _hasRegularFields;
    private int _sectionBytes;
    private int _decodedBytes;
    private int _cookies;
    private int _separateCrumbs;

    public PseudoField Method { get; private set; }

    public PseudoField Scheme { get; private set; }

    public PseudoField Authority { get; private set; }

    public PseudoField Path { get; private set; }

    public PseudoField Protocol { get; private set; }

    public PseudoField Status { get; private set; }

    /// <summary>The path alone is too long; beside <see cref="FieldBlockStatus.TooLarge"/>.</summary>
    public bool HasLongPath { get; private set; }

    /// <summary>Beside <see cref="FieldBlockStatus.Malformed"/>, the first line that is at fault, without its end.</summary>
    public Range Offender { get; private set; }

    /// <summary>How much of the array is used.</summary>
    public int Length { get; private set; }

    public bool HasPseudoFields =>
        !(Method.IsAbsent && Scheme.IsAbsent && Authority.IsAbsent && Path.IsAbsent && Protocol.IsAbsent && Status.IsAbsent);

    /// <summary>
    /// Reads a whole block into <paramref name="scratch"/>, of <see cref="ScratchBytes"/>; <paramref name="fields"/> gets the
    /// regular fields. Whatever is wrong, the block is decoded to its end, because the decoding state goes on. An answer may have more
    /// fields, and odder values, than a request.
    /// </summary>
    public FieldBlockStatus Read(
        HpackDecoder hpack, ReadOnlySpan<byte> block, byte[] scratch, FieldSection fields, bool isOfAnswer = false)
    {
        Clear();
        _isOfAnswer = isOfAnswer;
        fields.Clear();
        fields.Attach(scratch, 0);
        hpack.Begin();
        var isTooLarge = false;
        var position = 0;
        while (true)
        {
            // Half of the array is for the lines; the rest for what is made of them.
            var status = hpack.DecodeLine(block, ref position, scratch.AsSpan(Length, ScratchBytes / 2), out var line);
            if (status == HpackStatus.End)
                break;
            if (status == HpackStatus.Invalid)
                return FieldBlockStatus.Undecodable;
            _decodedBytes += line.Length;
            if (status == HpackStatus.TooLong || _decodedBytes > MostDecodedBytes)
                return FieldBlockStatus.Bomb;
            if (isTooLarge)
                continue;
            var (start, wasMalformed) = (Length, _isMalformed);
            Take(scratch, line, fields, ref isTooLarge);
            if (_isMalformed && !wasMalformed)
                Offender = start..(start + line.Length - 2);
            isTooLarge |= Length > ScratchBytes / 2;
        }

        return _isMalformed ? FieldBlockStatus.Malformed
            : isTooLarge ? FieldBlockStatus.TooLarge
            : FieldBlockStatus.Complete;
    }

    /// <summary>The connection error that a block's status means; NoError where, at worst, its stream is at an end.</summary>
    public static ErrorCode ErrorOf(FieldBlockStatus status) => status switch
    {
        FieldBlockStatus.Undecodable => ErrorCode.CompressionError,
        FieldBlockStatus.Bomb => ErrorCode.EnhanceYourCalm,
        _ => ErrorCode.NoError,
    };

    /// <summary>Adds a line that the block did not hold, as if it had, whatever the limits; for what HTTP/1.1 wants to see.</summary>
    public void AddLine(byte[] scratch, FieldSection fields, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        var target = scratch.AsSpan(Length);
        name.CopyTo(target);
        ": "u8.CopyTo(target[name.Length..]);
        value.CopyTo(target[(name.Length + 2)..]);
        "\r\n"u8.CopyTo(target[(name.Length + 2 + value.Length)..]);
        var line = new HpackLine(name.Length, value.Length);
        fields.Add(ToField(line, FieldNames.Identify(name)));
        Length += line.Length;
    }

    private void Clear()
    {
        (Method, Scheme, Authority, Path) = (PseudoField.Absent, PseudoField.Absent, PseudoField.Absent, PseudoField.Absent);
        (Protocol, Status) = (PseudoField.Absent, PseudoField.Absent);
        (_isMalformed, _hasRegularFields, HasLongPath) = (false, false, false);
        (_sectionBytes, _decodedBytes, _cookies, _separateCrumbs, Length) = (0, 0, 0, 0, 0);
    }

    private void Take(byte[] scratch, HpackLine line, FieldSection fields, ref bool isTooLarge)
    {
        var name = scratch.AsSpan(Length, line.NameLength);
        var value = scratch.AsSpan(Length + line.NameLength + 2, line.ValueLength);
        if (line.NameLength > 0 && name[0] == ':')
        {
            TakePseudoField(name, line);
            Length += line.Length;
            isTooLarge |= HasLongPath;
            return;
        }

        _hasRegularFields = true;
        if (name.IsEmpty || name.IndexOfAnyExcept(NameBytes) >= 0 || !IsValue(value))
        {
            _isMalformed = true;
            Length += line.Length;
            return;
        }

        var known = FieldNames.Identify(name);
        _isMalformed |= IsOfAConnection(known, value);
        if (known == KnownField.Cookie && !_isOfAnswer && _cookies++ > 0)
            TakeCrumb(scratch, line, fields);
        else
            isTooLarge |= !TryTakeField(line, known, hasControls: _isOfAnswer && !FieldLine.IsValue(value), fields);
        isTooLarge |= _sectionBytes > (_isOfAnswer ? ResponseParser.MostHeadBytes : MostSectionBytes);
    }

    private bool TryTakeField(HpackLine line, KnownField known, bool hasControls, FieldSection fields)
    {
        _sectionBytes += line.NameLength + line.ValueLength + (_isOfAnswer ? OverheadOfLine : OverheadOfOne);
        var most = _isOfAnswer ? FieldSection.MostInAnswer : FieldSection.MostInRequest;
        var field = ToField(line, known);
        field.HasControls = hasControls;
        if (!fields.TryAdd(field, most + _separateCrumbs))
            return false;
        Length += line.Length;
        return true;
    }

    /// <summary>
    /// Takes one more cookie: onto the line of the one before, where that is the last line. Between others, it keeps a line of its
    /// own for now.
    /// </summary>
    private void TakeCrumb(byte[] scratch, HpackLine line, FieldSection fields)
    {
        var separator = "; "u8;
        _sectionBytes += separator.Length + line.ValueLength;
        if (fields.Fields[^1].Known != KnownField.Cookie)
        {
            fields.Add(ToField(line, KnownField.Cookie));
            Length += line.Length;
            _separateCrumbs++;
            return;
        }

        var lineEnd = "\r\n"u8;
        var value = scratch.AsSpan(Length + line.NameLength + 2, line.ValueLength);
        separator.CopyTo(scratch.AsSpan(Length - lineEnd.Length));
        value.CopyTo(scratch.AsSpan(Length));
        lineEnd.CopyTo(scratch.AsSpan(Length + value.Length));
        fields.ExtendLast(separator.Length + value.Length);
        Length += value.Length + lineEnd.Length;
    }

    /// <summary>RFC 9113 8.2.1, and in a request no control character beside, as in HTTP/1.1.</summary>
    private bool IsValue(ReadOnlySpan<byte> value) =>
        (_isOfAnswer ? FieldLine.IsTolerableValue(value) : FieldLine.IsValue(value))
        && (value.IsEmpty || (value[0] is not ((byte)' ' or (byte)'\t') && value[^1] is not ((byte)' ' or (byte)'\t')));

    /// <summary>RFC 9113 8.2.2: what belongs to a connection of HTTP/1.1 has no place here.</summary>
    private static bool IsOfAConnection(KnownField known, ReadOnlySpan<byte> value) => known switch
    {
        KnownField.Connection or KnownField.KeepAlive or KnownField.ProxyConnection or KnownField.TransferEncoding
            or KnownField.Upgrade => true,
        KnownField.TE => !value.SequenceEqual("trailers"u8),
        _ => false,
    };

    private void TakePseudoField(ReadOnlySpan<byte> name, HpackLine line)
    {
        var value = new PseudoField(Length + line.NameLength + 2, line.ValueLength);
        var isAllowed = !_hasRegularFields;
        if (name.SequenceEqual(":method"u8))
            (isAllowed, Method) = (isAllowed && Method.IsAbsent, value);
        else if (name.SequenceEqual(":scheme"u8))
            (isAllowed, Scheme) = (isAllowed && Scheme.IsAbsent, value);
        else if (name.SequenceEqual(":authority"u8))
            (isAllowed, Authority) = (isAllowed && Authority.IsAbsent, value);
        else if (name.SequenceEqual(":path"u8))
            (isAllowed, Path, HasLongPath) = (isAllowed && Path.IsAbsent, value, value.Length > MostPathBytes);
        else if (name.SequenceEqual(":protocol"u8))
            (isAllowed, Protocol) = (isAllowed && Protocol.IsAbsent, value);
        else if (name.SequenceEqual(":status"u8))
            (isAllowed, Status) = (isAllowed && Status.IsAbsent, value);
        else
            isAllowed = false;
        _isMalformed |= !isAllowed;
    }

    private Field ToField(HpackLine line, KnownField known) => new()
    {
        LineStart = Length,
        LineEnd = Length + line.Length,
        NameLength = (short)line.NameLength,
        ValueStart = Length + line.NameLength + 2,
        ValueLength = line.ValueLength,
        Known = known,
    };
}

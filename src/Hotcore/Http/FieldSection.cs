using System.Buffers;

namespace Hotcore.Http;

/// <summary>One field line, as positions relative to the start of its head.</summary>
internal struct Field
{
    public int LineStart;
    public int LineEnd;
    public int ValueStart;
    public int ValueLength;
    public short NameLength;
    public KnownField Known;

    /// <summary>The value has control characters, which HTTP/1.1 carries and clients of HTTP/2 refuse.</summary>
    public bool HasControls;
}

/// <summary>
/// The field lines of a head or of a trailer section, in order, over bytes that live elsewhere (a receive buffer): every
/// line is stored there as <c>name ":" OWS value OWS CRLF</c>. Owns nothing but the positions; reused from message to message.
/// Room for more lines than a request may have is borrowed, until <see cref="Clear"/>.
/// </summary>
internal sealed class FieldSection
{
    /// <summary>As many as the head of a request may have; one more is refused.</summary>
    public const int MostInRequest = 128;

    /// <summary>As many as the head of an answer may have.</summary>
    public const int MostInAnswer = 1000;

    private readonly Field[] _ownFields = new Field[MostInRequest];
    private Field[] _fields;
    private byte[] _bytes = [];
    private int _start;

    public FieldSection() => _fields = _ownFields;

    public int Count { get; private set; }

    public ReadOnlySpan<Field> Fields => _fields.AsSpan(0, Count);

    /// <summary>Says where the bytes are now; positions are relative to <paramref name="start"/>.</summary>
    public void Attach(byte[] bytes, int start) => (_bytes, _start) = (bytes, start);

    public void Clear()
    {
        Count = 0;
        if (_fields.Length > MostInRequest)
            GiveBack();
    }

    /// <summary>Adds a line; false when there are <paramref name="most"/> already.</summary>
    public bool TryAdd(in Field field, int most)
    {
        if (Count >= most)
            return false;
        Add(field);
        return true;
    }

    /// <summary>Adds a line, however many there are.</summary>
    public void Add(in Field field)
    {
        if (Count == _fields.Length)
            MakeRoom(Count + 1);
        _fields[Count++] = field;
    }

    /// <summary>The last line ends <paramref name="bytes"/> later than it did, and so does its value.</summary>
    public void ExtendLast(int bytes)
    {
        ref var last = ref _fields[Count - 1];
        (last.LineEnd, last.ValueLength) = (last.LineEnd + bytes, last.ValueLength + bytes);
    }

    /// <summary>Becomes the same section over the same bytes.</summary>
    public void CopyFrom(FieldSection other)
    {
        Clear();
        if (other.Count > _fields.Length)
            MakeRoom(other.Count);
        other.Fields.CopyTo(_fields);
        (Count, _bytes, _start) = (other.Count, other._bytes, other._start);
    }

    /// <summary>Forgets every line of that name; the others keep their order.</summary>
    public void RemoveAll(KnownField known)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (_fields[i].Known != known)
                _fields[kept++] = _fields[i];
        }

        Count = kept;
    }

    /// <summary>
    /// Forgets every line of that name but the first, and of that one's value, in place, what is behind
    /// <paramref name="valueLength"/> bytes.
    /// </summary>
    public void KeepFirst(KnownField known, int valueLength)
    {
        var (kept, hasFirst) = (0, false);
        for (var i = 0; i < Count; i++)
        {
            if (_fields[i].Known == known && hasFirst)
                continue;
            if (_fields[i].Known == known)
            {
                hasFirst = true;
                CutValue(ref _fields[i], valueLength);
            }

            _fields[kept++] = _fields[i];
        }

        Count = kept;
    }

    public ReadOnlySpan<byte> Slice(int position, int length) => _bytes.AsSpan(_start + position, length);

    public ReadOnlySpan<byte> Name(in Field field) => Slice(field.LineStart, field.NameLength);

    public ReadOnlySpan<byte> Value(in Field field) => Slice(field.ValueStart, field.ValueLength);

    /// <summary>The whole line, its CRLF included.</summary>
    public ReadOnlySpan<byte> Line(in Field field) => Slice(field.LineStart, field.LineEnd - field.LineStart);

    /// <summary>The line without its CRLF, to be shown.</summary>
    public ReadOnlySpan<byte> Text(in Field field) => Line(field)[..^2];

    /// <summary>The only line of that name: 0 when there is none, 1, or 2 when there are several.</summary>
    public int FindSingle(KnownField known, out ReadOnlySpan<byte> value)
    {
        var found = 0;
        value = default;
        foreach (ref readonly var field in Fields)
        {
            if (field.Known != known)
                continue;
            if (found == 1)
                return 2;
            found = 1;
            value = Value(field);
        }

        return found;
    }

    private void CutValue(ref Field field, int length)
    {
        if (length >= field.ValueLength)
            return;
        "\r\n"u8.CopyTo(_bytes.AsSpan(_start + field.ValueStart + length));
        (field.ValueLength, field.LineEnd) = (length, field.ValueStart + length + 2);
    }

    private void MakeRoom(int fields)
    {
        var larger = ArrayPool<Field>.Shared.Rent(Math.Max(fields, 2 * _fields.Length));
        Fields.CopyTo(larger);
        GiveBack();
        _fields = larger;
    }

    private void GiveBack()
    {
        if (_fields != _ownFields)
            ArrayPool<Field>.Shared.Return(_fields);
        _fields = _ownFields;
    }
}

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
}

/// <summary>
/// The field lines of a head or of a trailer section, in order, over bytes that live elsewhere (a receive buffer): every
/// line is stored there as <c>name ":" OWS value OWS CRLF</c>. Owns nothing but the positions; reused from message to message.
/// </summary>
internal sealed class FieldSection
{
    /// <summary>As many as a head may have; one more is refused.</summary>
    public const int MostFields = 128;

    private readonly Field[] _fields = new Field[MostFields];
    private byte[] _bytes = [];
    private int _start;

    public int Count { get; private set; }

    public ReadOnlySpan<Field> Fields => _fields.AsSpan(0, Count);

    /// <summary>Says where the bytes are now; positions are relative to <paramref name="start"/>.</summary>
    public void Attach(byte[] bytes, int start) => (_bytes, _start) = (bytes, start);

    public void Clear() => Count = 0;

    /// <summary>Adds a line; false when there are <see cref="MostFields"/> already.</summary>
    public bool TryAdd(in Field field)
    {
        if (Count == MostFields)
            return false;
        _fields[Count++] = field;
        return true;
    }

    /// <summary>Becomes the same section over the same bytes.</summary>
    public void CopyFrom(FieldSection other)
    {
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

    public ReadOnlySpan<byte> Slice(int position, int length) => _bytes.AsSpan(_start + position, length);

    public ReadOnlySpan<byte> Name(in Field field) => Slice(field.LineStart, field.NameLength);

    public ReadOnlySpan<byte> Value(in Field field) => Slice(field.ValueStart, field.ValueLength);

    /// <summary>The whole line, its CRLF included.</summary>
    public ReadOnlySpan<byte> Line(in Field field) => Slice(field.LineStart, field.LineEnd - field.LineStart);

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
}

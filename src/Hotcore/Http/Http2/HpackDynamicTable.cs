using System.Numerics;

namespace Hotcore.Http.Http2;

/// <summary>
/// The fields that the peer had us remember, newest first (RFC 7541 2.3.2). Owns a ring with their lines, one behind the other,
/// and a ring that says where each begins; both are made when the first field comes.
/// </summary>
internal sealed class HpackDynamicTable(int mostBytes)
{
    /// <summary>What either side may use until something else is agreed on (RFC 9113 6.5.2).</summary>
    public const int DefaultBytes = 4096;

    // RFC 7541 4.1. A line has 4 bytes more than its name and value, so lines never need more room than the limit.
    private const int EntryOverhead = 32;

    private struct Entry
    {
        public int Start;
        public HpackLine Lengths;
    }

    // The lengths of both rings are powers of two: a position is cut to the ring by a mask.
    private byte[] _lines = [];
    private Entry[] _entries = [];

    private int _limit = Math.Min(mostBytes, DefaultBytes);
    private int _size;
    private int _count;
    private int _nextEntry;
    private int _nextLine;

    /// <summary>The peer changes how large the table may grow; false when that is more than we allow.</summary>
    public bool TrySetLimit(int bytes)
    {
        if (bytes > mostBytes)
            return false;
        _limit = bytes;
        EvictTo(bytes);
        return true;
    }

    /// <summary>Remembers a line. One that is larger than the table empties it, and is no error (RFC 7541 4.4).</summary>
    public void Insert(ReadOnlySpan<byte> line, HpackLine lengths)
    {
        var size = Size(lengths);
        EvictTo(Math.Max(_limit - size, 0));
        if (size > _limit)
            return;
        if (_entries.Length == 0)
            Allocate();
        _entries[_nextEntry] = new Entry { Start = _nextLine, Lengths = lengths };
        _nextEntry = (_nextEntry + 1) & (_entries.Length - 1);
        var beforeWrap = Math.Min(line.Length, _lines.Length - _nextLine);
        line[..beforeWrap].CopyTo(_lines.AsSpan(_nextLine));
        line[beforeWrap..].CopyTo(_lines);
        _nextLine = (_nextLine + line.Length) & (_lines.Length - 1);
        _count++;
        _size += size;
    }

    /// <summary>Whether there is a field of that age, 0 being the newest, and what it measures.</summary>
    public bool TryFind(int age, out HpackLine lengths)
    {
        if ((uint)age >= (uint)_count)
        {
            lengths = default;
            return false;
        }

        lengths = At(age).Lengths;
        return true;
    }

    /// <summary>Copies the first bytes of a line that is there, as many as <paramref name="target"/> has.</summary>
    public void Copy(int age, Span<byte> target)
    {
        var start = At(age).Start;
        var beforeWrap = _lines.Length - start;
        if (target.Length <= beforeWrap)
        {
            _lines.AsSpan(start, target.Length).CopyTo(target);
            return;
        }

        _lines.AsSpan(start).CopyTo(target);
        _lines.AsSpan(0, target.Length - beforeWrap).CopyTo(target[beforeWrap..]);
    }

    private ref readonly Entry At(int age) => ref _entries[(_nextEntry - 1 - age) & (_entries.Length - 1)];

    private void EvictTo(int bytes)
    {
        while (_size > bytes)
            _size -= Size(At(--_count).Lengths);
    }

    private void Allocate()
    {
        _lines = new byte[BitOperations.RoundUpToPowerOf2((uint)mostBytes)];
        _entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)(mostBytes / EntryOverhead))];
    }

    private static int Size(HpackLine lengths) => lengths.NameLength + lengths.ValueLength + EntryOverhead;
}

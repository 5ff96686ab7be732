using System.Text;

namespace Hotcore.Mappings;

/// <summary>
/// Reads a mapping file in whatever state it is in: whole lines count, all else is reported. Holds one line at a time
/// beside the mappings themselves, however long the file or its lines.
/// </summary>
internal sealed class MappingFileReader
{
    private readonly Dictionary<DomainName, Mapping> _mappings = [];
    private readonly List<MappingChange>? _changes;
    private readonly byte[] _line = new byte[MappingLine.MaxBytes];
    private int _lineLength;
    private bool _lineTooLong;

    private MappingFileReader()
    {
    }

    private MappingFileReader(MappingPreview before)
    {
        (WholeLength, Lines) = (before.WholeLength, before.Lines);
        _changes = [];
    }

    /// <summary>What the whole lines add up to, where all were read.</summary>
    public IReadOnlyCollection<Mapping> Mappings => _mappings.Values;

    /// <summary>What the whole lines change, in their order, where reading went on behind a preview.</summary>
    public IReadOnlyList<MappingChange> Changes => _changes ?? [];

    /// <summary>Bytes up to and with the last line end: where the next line goes.</summary>
    public long WholeLength { get; private set; }

    /// <summary>Bytes after the last line end: an append that never finished.</summary>
    public long TornLength { get; private set; }

    /// <summary>Whole lines, the header not counted.</summary>
    public int Lines { get; private set; }

    /// <summary>Lines that are not what hotcore wrote, a wrong header among them.</summary>
    public int DamagedLines { get; private set; }

    /// <summary>What the disk said where it failed before the end, or null. What was read until then counts.</summary>
    public string? ReadError { get; private set; }

    public bool IsDamaged => DamagedLines > 0 || ReadError is not null;

    /// <summary>Reads a stream to its end. Throws nothing for what it finds, nor for a disk that fails.</summary>
    public static MappingFileReader Read(Stream file) => new MappingFileReader().ReadToEnd(file);

    /// <summary>The same for a file that begins with <paramref name="before"/>, up to which the stream was read.</summary>
    public static MappingFileReader ReadBehind(MappingPreview before, Stream file) =>
        new MappingFileReader(before).ReadToEnd(file);

    private MappingFileReader ReadToEnd(Stream file)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int read;
            while ((read = file.Read(buffer)) > 0) Take(buffer.AsSpan(0, read));
        }
        catch (IOException failure)
        {
            ReadError = failure.Message;
        }
        JudgeEnd();
        return this;
    }

    /// <summary>
    /// An append that a crash cut off is the beginning of a line, in a file that has its header. Anything else at the end,
    /// the zeros of a power loss for one, is damage and worth keeping.
    /// </summary>
    private void JudgeEnd()
    {
        var isCutLine = !_lineTooLong && _line.AsSpan(0, _lineLength).IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0;
        if (WholeLength == 0 || !isCutLine) DamagedLines++;
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        int end;
        while ((end = bytes.IndexOf((byte)'\n')) >= 0)
        {
            Collect(bytes[..end]);
            TakeLine();
            WholeLength += TornLength + 1;
            TornLength = 0;
            bytes = bytes[(end + 1)..];
        }
        Collect(bytes);
    }

    private void Collect(ReadOnlySpan<byte> part)
    {
        TornLength += part.Length;
        _lineTooLong |= _lineLength + part.Length > _line.Length;
        if (_lineTooLong) return;
        part.CopyTo(_line.AsSpan(_lineLength));
        _lineLength += part.Length;
    }

    private void TakeLine()
    {
        ReadOnlySpan<byte> line = _line.AsSpan(0, _lineLength);
        var isFirst = WholeLength == 0;
        if (isFirst && !_lineTooLong && line.SequenceEqual(Encoding.ASCII.GetBytes(MappingLine.Header)))
        {
            // As it should be: the header holds no mapping.
        }
        else if (!_lineTooLong && MappingLine.TryParse(line, out var change))
        {
            Lines++;
            Apply(change);
            // A file that begins with a mapping has lost its header.
            if (isFirst) DamagedLines++;
        }
        else
        {
            DamagedLines++;
        }
        _lineLength = 0;
        _lineTooLong = false;
    }

    private void Apply(MappingChange change)
    {
        if (_changes is not null) _changes.Add(change);
        else if (change.Mapping is null) _mappings.Remove(change.Domain);
        else _mappings[change.Domain] = change.Mapping;
    }
}

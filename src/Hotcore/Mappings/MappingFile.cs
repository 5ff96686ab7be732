using System.Buffers;
using System.Text;
using Hotcore.Loops;
using Microsoft.Win32.SafeHandles;

namespace Hotcore.Mappings;

/// <summary>Writes bytes at an offset and has them on the disk when it returns; throws where it cannot.</summary>
internal delegate void WriteAndFlush(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset);

/// <summary>
/// The mappings on disk: readable lines, appended, each with a checksum (<see cref="MappingLine"/>), and now and then
/// written anew. A crash at any instant leaves a file that loads. Of one thread at a time; every method blocks on the
/// disk.
/// </summary>
internal sealed class MappingFile : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // Below this many superfluous lines, rewriting a small file costs more than it saves.
    private const int SpareLines = 1000;

    private readonly string _folder;
    private readonly TimeProvider _clock;
    private readonly Action<string> _log;
    private readonly WriteAndFlush _writeAndFlush;
    private readonly string _path;
    private SafeFileHandle? _file;
    private long _length;
    private int _lines;
    private int _compactBeyond;
    private bool _isDamaged;
    private bool _mustRewrite;
    private Compaction? _compaction;

    private MappingFile(string folder, TimeProvider clock, Action<string> log, WriteAndFlush? writeAndFlush)
    {
        _folder = folder;
        _clock = clock;
        _log = log;
        _writeAndFlush = writeAndFlush ?? WriteToDisk;
        _path = PathIn(folder);
        Loaded = MappingSnapshot.Empty;
    }

    /// <summary>What the file held when it was opened.</summary>
    public MappingSnapshot Loaded { get; private set; }

    private string NewPath => _path + ".new";

    /// <summary>Where a folder has it.</summary>
    public static string PathIn(string folder) => Path.Combine(folder, "mappings");

    /// <summary>
    /// Opens the file of a folder, or begins one. A torn end is cut off; a damaged file is set aside whole, and its
    /// whole lines go into a fresh one. Where the disk refuses that, it is tried again before the first commit.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="clock">For the name of what is set aside.</param>
    /// <param name="log">Takes what is wrong with it.</param>
    /// <param name="writeAndFlush">How it is written; null for to the disk.</param>
    /// <param name="preview">What is known of it already.</param>
    /// <exception cref="IOException">The file cannot be read at all.</exception>
    /// <exception cref="UnauthorizedAccessException">The file belongs to someone else.</exception>
    public static MappingFile Open(
        string folder, TimeProvider clock, Action<string> log, WriteAndFlush? writeAndFlush = null, MappingPreview? preview = null)
    {
        var file = new MappingFile(folder, clock, log, writeAndFlush);
        file.Load(preview);
        return file;
    }

    /// <summary>
    /// Puts lines on the disk. When it returns they are durable; when it throws, the file holds what it held before,
    /// or is made to before the next commit.
    /// </summary>
    /// <param name="lines">Whole lines, as <see cref="MappingLine"/> writes them.</param>
    /// <param name="count">How many lines those are.</param>
    /// <param name="before">The mappings without these lines: what a file written anew has to hold first.</param>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public void Append(ReadOnlySpan<byte> lines, int count, MappingSnapshot before)
    {
        FinishCompaction();
        // Without a name in the folder, what is written here would be gone with this process.
        _mustRewrite |= !File.Exists(_path);
        if (_mustRewrite) Rewrite(before);
        try
        {
            _writeAndFlush(_file!, lines, _length);
        }
        catch (Exception)
        {
            CutBack();
            throw;
        }
        _length += lines.Length;
        _lines += count;
        _compaction?.Missed.Write(lines);
    }

    /// <summary>Begins, where it is worth it, to write the file anew beside itself, on another thread.</summary>
    /// <param name="current">All mappings, every line of the file counted.</param>
    public void CompactIfWorthwhile(MappingSnapshot current)
    {
        if (_compaction is not null || _mustRewrite || _lines < _compactBeyond) return;
        if (_lines - current.Count <= current.Count + SpareLines) return;
        _compaction = new Compaction(Task.Run(() => WriteNew(current)), current.Count, _lines);
    }

    public void Dispose()
    {
        DropCompaction();
        _file?.Dispose();
    }

    private static void WriteToDisk(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        RandomAccess.Write(file, bytes, offset);
        RandomAccess.FlushToDisk(file);
    }

    private void Load(MappingPreview? preview)
    {
        // A crash between setting a damaged file aside and putting the new one in its place leaves the new one, whole.
        if (!Path.Exists(_path) && File.Exists(NewPath)) File.Move(NewPath, _path);
        var isNew = !Path.Exists(_path);
        _mustRewrite = isNew || !TryRead(preview);
        if (!_mustRewrite) return;
        try
        {
            Rewrite(Loaded);
        }
        catch (Exception failure) when (!isNew && (failure is IOException or UnauthorizedAccessException))
        {
            _log($"cannot write {_path} anew ({failure.Message}): no change is accepted until that works");
        }
    }

    /// <summary>Takes in the file; false when it has to be written anew.</summary>
    private bool TryRead(MappingPreview? preview)
    {
        if (Directory.Exists(_path))
        {
            _log($"{_path} is a folder, not a file: it is set aside");
            _isDamaged = true;
            return false;
        }
        var reader = Read(preview);
        _length = reader.WholeLength;
        _lines = reader.Lines;
        _isDamaged = reader.IsDamaged;
        if (_isDamaged)
        {
            var what = reader.ReadError ?? $"{reader.DamagedLines} damaged lines";
            _log($"{_path} is damaged ({what}): the {Loaded.Count} mappings of its whole lines are used");
            return false;
        }
        if (reader.TornLength > 0) _log($"{_path} ended in an unfinished line of {reader.TornLength} bytes: cut off");
        _file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        File.SetUnixFileMode(_file, OwnerOnly);
        return reader.TornLength == 0 || CutBack();
    }

    private MappingFileReader Read(MappingPreview? preview)
    {
        using var stream = File.OpenRead(_path);
        MappingFileReader reader;
        if (preview is not null && preview.IsStartOf(stream))
        {
            reader = MappingFileReader.ReadBehind(preview, stream);
            Loaded = preview.Snapshot.With(reader.Changes);
            return reader;
        }
        stream.Position = 0;
        reader = MappingFileReader.Read(stream);
        Loaded = MappingSnapshot.Create(reader.Mappings);
        return reader;
    }

    /// <summary>Takes an unfinished append off the file; where that fails, it is written anew later.</summary>
    private bool CutBack()
    {
        try
        {
            RandomAccess.SetLength(_file!, _length);
            RandomAccess.FlushToDisk(_file!);
            return true;
        }
        catch (Exception failure)
        {
            _log($"cannot cut {_path} back ({failure.Message}): it is written anew before the next change");
            _mustRewrite = true;
            return false;
        }
    }

    private void Rewrite(MappingSnapshot mappings)
    {
        DropCompaction();
        _mustRewrite = true;
        TakeOver(WriteNew(mappings), mappings.Count);
    }

    /// <summary>Writes all mappings beside the file, durably. Touches no state: of any thread.</summary>
    private NewFile WriteNew(MappingSnapshot mappings)
    {
        var lines = new ArrayBufferWriter<byte>((mappings.Count + 1) * 64);
        lines.Write(Encoding.ASCII.GetBytes(MappingLine.Header + "\n"));
        foreach (var mapping in mappings.All) MappingLine.Write(lines, new MappingChange(mapping.Domain, mapping));
        var file = File.OpenHandle(NewPath, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            File.SetUnixFileMode(file, OwnerOnly);
            _writeAndFlush(file, lines.WrittenSpan, 0);
            return new NewFile(file, lines.WrittenCount);
        }
        catch (Exception)
        {
            file.Dispose();
            // On a full disk, half a file only makes matters worse.
            File.Delete(NewPath);
            throw;
        }
    }

    /// <summary>Puts the new file in the place of the old, which is set aside if it is damaged.</summary>
    private void TakeOver(NewFile written, int lines)
    {
        try
        {
            if (_isDamaged) SetAside();
            File.Move(NewPath, _path, overwrite: true);
        }
        catch (Exception)
        {
            written.File.Dispose();
            throw;
        }
        // From here on the new file is the one: if only the flush of the folder fails, all is written once more.
        _file?.Dispose();
        (_file, _length, _lines, _compactBeyond) = (written.File, written.Length, lines, 0);
        _mustRewrite = true;
        DirectoryEntries.Flush(_folder);
        _mustRewrite = false;
    }

    private void SetAside()
    {
        var aside = DirectoryEntries.SetAside(_path, _clock.GetUtcNow());
        _isDamaged = false;
        _log($"the damaged file is kept as {aside}");
    }

    private void FinishCompaction()
    {
        if (_compaction is null || !_compaction.Written.IsCompleted) return;
        var compaction = _compaction;
        _compaction = null;
        try
        {
            var written = AddMissed(compaction.Written.GetAwaiter().GetResult(), compaction.Missed.WrittenSpan);
            TakeOver(written, compaction.Lines + _lines - compaction.LinesBefore);
        }
        catch (Exception failure)
        {
            _log($"cannot compact {_path}: {failure.Message}");
            _compactBeyond = _lines + SpareLines;
        }
    }

    private NewFile AddMissed(NewFile written, ReadOnlySpan<byte> missed)
    {
        try
        {
            if (missed.Length > 0) _writeAndFlush(written.File, missed, written.Length);
            return written with { Length = written.Length + missed.Length };
        }
        catch (Exception)
        {
            written.File.Dispose();
            throw;
        }
    }

    private void DropCompaction()
    {
        if (_compaction is null) return;
        try
        {
            _compaction.Written.GetAwaiter().GetResult().File.Dispose();
        }
        catch (Exception failure)
        {
            _log($"cannot compact {_path}: {failure.Message}");
        }
        _compaction = null;
    }

    /// <summary>A file written beside the real one, and its length in bytes.</summary>
    private sealed record NewFile(SafeFileHandle File, long Length);

    /// <summary>A file of so many lines on its way, and how many the old one had when it was begun.</summary>
    private sealed record Compaction(Task<NewFile> Written, int Lines, int LinesBefore)
    {
        /// <summary>What was appended to the file since.</summary>
        public ArrayBufferWriter<byte> Missed { get; } = new();
    }
}

namespace Hotcore.Mappings;

/// <summary>
/// A mapping file as it was while another process could still write it. Once that one has let go of it, only what was added since
/// has to be read: while 100,000 lines are read, nobody answers messages.
/// </summary>
internal sealed class MappingPreview
{
    private readonly byte[] _bytes;

    private MappingPreview(byte[] bytes, MappingFileReader reader)
    {
        _bytes = bytes[..(int)reader.WholeLength];
        (Snapshot, Lines) = (MappingSnapshot.Create(reader.Mappings), reader.Lines);
    }

    /// <summary>What the whole lines add up to.</summary>
    public MappingSnapshot Snapshot { get; }

    /// <summary>Whole lines, the header not counted.</summary>
    public int Lines { get; }

    /// <summary>Up to and with the last line end.</summary>
    public long WholeLength => _bytes.Length;

    /// <summary>
    /// Reads the file of a folder, and changes nothing. Null where there is none that is whole: what is wrong with it is said, and
    /// mended, by whoever opens it.
    /// </summary>
    public static MappingPreview? Read(string folder)
    {
        try
        {
            return Of(File.ReadAllBytes(MappingFile.PathIn(folder)));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The same for what a file holds.</summary>
    public static MappingPreview? Of(byte[] bytes)
    {
        var reader = MappingFileReader.Read(new MemoryStream(bytes));
        return reader.IsDamaged ? null : new MappingPreview(bytes, reader);
    }

    /// <summary>
    /// Whether the file begins with just these bytes: it may have been written anew, or lines have been taken back. Reads as
    /// far as that.
    /// </summary>
    public bool IsStartOf(Stream file)
    {
        try
        {
            var start = new byte[_bytes.Length];
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
                && start.AsSpan().SequenceEqual(_bytes);
        }
        catch (IOException)
        {
            return false; // Whoever reads it line by line finds how far that goes, and says so.
        }
    }
}

using Hotcore.Loops;

namespace Hotcore.Certificates;

/// <summary>
/// Small files that only their owner reads, each replaced as a whole: written beside, flushed, renamed, the folder
/// flushed. A crash at any instant leaves the old one or the new one. Blocks on the disk.
/// </summary>
internal static class DurableFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The end of the name under which a file is written before it takes its place.</summary>
    public const string Beside = ".new";

    /// <summary>Makes a folder that only its owner enters, or makes an existing one so.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static void MakeFolder(string folder)
    {
        Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        File.SetUnixFileMode(folder, OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <summary>When it returns, the file is on the disk; when it throws, the old one is still there.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        WriteBeside(path, content);
        File.Move(path + Beside, path, overwrite: true);
        FlushFolderOf(path);
    }

    /// <summary>The first half of <see cref="Write"/>: the new content is whole on the disk, beside the old.</summary>
    public static void WriteBeside(string path, ReadOnlySpan<byte> content)
    {
        // Left by a crash, perhaps with other rights than a key needs.
        File.Delete(path + Beside);
        try
        {
            using var file = Create(path + Beside);
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            // On a full disk, half a file only makes matters worse.
            File.Delete(path + Beside);
            throw;
        }
    }

    public static void FlushFolderOf(string path) => DirectoryEntries.Flush(Path.GetDirectoryName(path)!);

    /// <inheritdoc cref="DirectoryEntries.SetAside"/>
    public static string SetAside(string path, DateTimeOffset now, string why = "damaged") =>
        DirectoryEntries.SetAside(path, now, why);

    /// <summary>Created with its rights, so that a key is never readable by others, not even for an instant.</summary>
    private static FileStream Create(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.Write,
        UnixCreateMode = OwnerOnly,
    });
}

using Hotcore.Loops;

namespace Hotcore.Installing;

/// <summary>
/// Files that root puts in place for all to read: written beside, flushed, renamed, the folder flushed. A kill at any instant
/// leaves the old one or the new one. Blocks on the disk.
/// </summary>
internal static class RootFile
{
    /// <summary>The end of the name under which a file is written before it takes its place.</summary>
    public const string Beside = ".new";

    public const UnixFileMode Readable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public const UnixFileMode Executable =
        Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The text of a file, or null where there is none.</summary>
    public static string? TryRead(string path) => File.Exists(path) ? File.ReadAllText(path) : null;

    /// <summary>Replaces a file as a whole. Returns whether it had another text.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static bool Write(string path, string text)
    {
        if (TryRead(path) == text) return false;
        MakeFolder(Path.GetDirectoryName(path)!);
        WriteBeside(path, new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), Readable);
        Rename(path + Beside, path);
        return true;
    }

    /// <summary>The first half: the new content is whole on the disk, beside the old.</summary>
    /// <exception cref="IOException">The disk refuses; nothing is left beside.</exception>
    public static void WriteBeside(string path, Stream content, UnixFileMode rights)
    {
        File.Delete(path + Beside);
        try
        {
            using var file = new FileStream(path + Beside, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = rights,
            });
            // The rights as they are meant, whatever mask root's shell has.
            File.SetUnixFileMode(file.SafeFileHandle, rights);
            content.CopyTo(file);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            // On a full disk, half a file only makes matters worse.
            File.Delete(path + Beside);
            throw;
        }
    }

    /// <summary>The second half.</summary>
    public static void Rename(string path, string newPath)
    {
        File.Move(path, newPath, overwrite: true);
        DirectoryEntries.Flush(Path.GetDirectoryName(newPath)!);
    }

    /// <summary>Makes a folder that everybody may read, and those above it.</summary>
    public static void MakeFolder(string folder)
    {
        if (Directory.Exists(folder)) return;
        Directory.CreateDirectory(folder, Executable);
        File.SetUnixFileMode(folder, Executable);
    }

    /// <summary>Deletes a file. Returns whether it was there.</summary>
    public static bool Remove(string path)
    {
        if (!File.Exists(path)) return false;
        File.Delete(path);
        return true;
    }
}

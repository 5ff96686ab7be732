using System.Text;
using Hotcore.Loops;

namespace Hotcore.Certificates.Local;

/// <summary>
/// A file of a few lines that is put in its place once, whole and durable, and never over another. Blocks on the disk.
/// </summary>
internal static class SmallTextFile
{
    private const int MaxBytes = 64 * 1024;
    private const string Beside = ".new";

    /// <summary>The text of a file; null where it is missing; empty where what is there is no such file.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The file belongs to someone else.</exception>
    public static string? Read(string path)
    {
        if (Directory.Exists(path)) return "";
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > MaxBytes) return "";
            var bytes = new byte[file.Length];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return Encoding.Latin1.GetString(bytes, 0, length);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>
    /// Writes a file beside its place, flushes it, and links it there. False where another was quicker: that one stays.
    /// </summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public static bool TryPutInPlace(string path, string text, UnixFileMode rights)
    {
        var beside = $"{path}.{Guid.NewGuid():N}{Beside}";
        bool linked;
        try
        {
            Write(beside, text, rights);
            linked = DirectoryEntries.TryLink(beside, path);
        }
        catch (IOException) when (Path.Exists(path))
        {
            // Who was quicker has removed our file.
            linked = false;
        }
        finally
        {
            // On a full disk, half a file only makes matters worse; and one with half a key is to stay nowhere.
            File.Delete(beside);
        }
        if (!linked) return false;
        RemoveLeftovers(path);
        DirectoryEntries.Flush(Path.GetDirectoryName(path)!);
        return true;
    }

    private static void Write(string path, string text, UnixFileMode rights)
    {
        // Created with its rights: a key is never readable by others, not even for an instant.
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = rights,
        });
        file.Write(Encoding.Latin1.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    /// <summary>What a crash left, or someone who was slower, who then finds the file in its place.</summary>
    private static void RemoveLeftovers(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        foreach (var leftover in Directory.EnumerateFiles(folder, $"{Path.GetFileName(path)}.*{Beside}"))
            File.Delete(leftover);
    }
}

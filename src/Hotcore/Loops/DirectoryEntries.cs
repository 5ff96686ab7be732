using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>
/// The names in a folder, where .NET has no call for what is needed. Blocks on the disk: never on an event loop.
/// </summary>
internal static partial class DirectoryEntries
{
    private const int ReadOnlyCloseOnExec = 0x80000;
    private const int InterruptedByASignal = 4;
    private const int Exists = 17;

    /// <summary>
    /// Gives a file a second name. False where that name is taken, decided by the kernel in one step: `File.Move`
    /// without overwriting looks first and then renames, and of two that do so at once both may find it free.
    /// </summary>
    /// <exception cref="IOException">The file is missing, or the disk refuses.</exception>
    public static bool TryLink(string path, string name)
    {
        if (Link(path, name) == 0) return true;
        if (Marshal.GetLastPInvokeError() == Exists) return false;
        throw Failure($"name {path} {name}");
    }

    /// <summary>
    /// Renames what is no good, beside itself and over nothing, with the reason in its name. Returns its new path, which is
    /// durable once the folder is flushed: until then, a power loss only brings back what is set aside once more.
    /// </summary>
    /// <exception cref="IOException">It is missing, or the disk refuses.</exception>
    public static string SetAside(string path, DateTimeOffset now, string why = "damaged")
    {
        var time = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var aside = $"{path}.{why}-{time}";
        for (var i = 2; Path.Exists(aside); i++) aside = $"{path}.{why}-{time}-{i}";
        Directory.Move(path, aside);
        return aside;
    }

    /// <summary>Makes the names durable: after a rename, a power loss could otherwise bring the old file back.</summary>
    /// <exception cref="IOException">The folder cannot be opened, or the disk failed.</exception>
    public static void Flush(string folder)
    {
        var descriptor = Open(folder, ReadOnlyCloseOnExec);
        if (descriptor < 0) throw Failure($"flush the folder {folder}");
        try
        {
            while (FSync(descriptor) < 0)
            {
                if (Marshal.GetLastPInvokeError() != InterruptedByASignal) throw Failure($"flush the folder {folder}");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string action) =>
        new($"cannot {action}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string path, string name);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}

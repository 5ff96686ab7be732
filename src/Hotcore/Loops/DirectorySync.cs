using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>
/// Makes the names in a folder durable: after a rename, a power loss could otherwise bring the old file back. .NET
/// opens no handle on a folder, hence the three calls. Blocks on the disk: never on an event loop.
/// </summary>
internal static partial class DirectorySync
{
    private const int ReadOnlyCloseOnExec = 0x80000;
    private const int InterruptedByASignal = 4;

    /// <exception cref="IOException">The folder cannot be opened, or the disk failed.</exception>
    public static void Flush(string folder)
    {
        int descriptor = Open(folder, ReadOnlyCloseOnExec);
        if (descriptor < 0) throw Failure(folder);
        try
        {
            while (FSync(descriptor) < 0)
            {
                if (Marshal.GetLastPInvokeError() != InterruptedByASignal) throw Failure(folder);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string folder) =>
        new($"cannot flush the folder {folder}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}

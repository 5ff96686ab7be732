using System.Runtime.InteropServices;

namespace Hotcore.Loops;

/// <summary>
/// The C library's heap, which OpenSSL allocates from: what was freed in the middle of it stays with the process unless it is
/// asked to give that back. Both calls hold up each thread that allocates from it for some milliseconds: now and then only.
/// </summary>
internal static partial class NativeHeap
{
    /// <summary>How much of it is free, given back to the kernel or not. Counts to 4 GB, and then from 0 again.</summary>
    public static long FreeBytes => (uint)Describe().Free;

    /// <summary>Gives the kernel the pages on which nothing is in use.</summary>
    public static void ReturnFreePages() => _ = Trim(0);

    /// <summary>The older of the two functions, mallinfo(3): the one without the limit is missing before glibc 2.33.</summary>
    [LibraryImport("libc", EntryPoint = "mallinfo")]
    private static partial Description Describe();

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keptBytes);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Description
    {
        public readonly int Arena, FreeChunks, FastChunks, MappedRegions, Mapped, Unused, FastBytes, InUse, Free, Top;
    }
}

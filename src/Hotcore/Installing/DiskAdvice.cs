namespace Hotcore.Installing;

/// <summary>What to do about a disk that refuses.</summary>
internal static class DiskAdvice
{
    // errno(3); .NET hands on what it has no exception of its own for.
    private const int NoSpaceLeft = 28;
    private const int ReadOnly = 30;
    private const int NoQuotaLeft = 122;

    /// <summary>The message of a failure, with the next step where the disk is the reason.</summary>
    public static string Explain(Exception failure)
    {
        var advice = (failure as IOException)?.HResult switch
        {
            NoSpaceLeft or NoQuotaLeft => "make room there (how much is left: df -h /opt), and repeat",
            ReadOnly => "make it writable (sudo mount -o remount,rw <folder>), and repeat; hotcore needs /opt, /etc and /usr/local",
            _ => null,
        };
        return advice is null ? failure.Message : $"{failure.Message}; {advice}";
    }
}

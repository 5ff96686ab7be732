using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>The memory of a process, from /proc.</summary>
public static partial class Memory
{
    public const long MiB = 1024 * 1024;

    public static long RssBytes(int processId) => Read($"/proc/{processId}/smaps_rollup", "Rss");

    public static long PssBytes(int processId) => Read($"/proc/{processId}/smaps_rollup", "Pss");

    /// <summary>
    /// Forgets the highest RSS so far. The kernel then keeps the highest from here on, however brief.
    /// </summary>
    public static void ForgetPeak(int processId) => File.WriteAllText($"/proc/{processId}/clear_refs", "5");

    /// <summary>The highest RSS since <see cref="ForgetPeak"/>.</summary>
    public static long PeakRssBytes(int processId) => Read($"/proc/{processId}/status", "VmHWM");

    private static long Read(string file, string key) =>
        long.Parse(Regex.Match(File.ReadAllText(file), $@"^{key}:\s+(\d+) kB$", RegexOptions.Multiline).Groups[1].Value) * 1024;
}

using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]

namespace Hotcore;

internal static class Platform
{
    /// <summary>
    /// Tests that compute for seconds share the thread pool with servers that a client waits for one second only; without
    /// threads to spare, those would starve on a machine with few cores.
    /// </summary>
    [ModuleInitializer]
    internal static void SpareThreads() => ThreadPool.SetMinThreads(32, 32);
}

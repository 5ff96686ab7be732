using System.Reflection;

namespace Hotcore;

/// <summary>What was decided when this program was built.</summary>
internal static class Build
{
    /// <summary>The version number, such as 0.1.0.</summary>
    public static string Version { get; } =
        typeof(Build).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Whether it is a Debug build, which is in local mode by itself.</summary>
    public static bool IsLocal
    {
        get
        {
#if DEBUG
            return true;
#else
            return false;
#endif
        }
    }
}

using Hotcore.Machine;
using Hotcore.Tls;

namespace Hotcore.Installing;

/// <summary>What has to be so before anything is done.</summary>
internal static class Requirements
{
    /// <summary>Returns if an install, or uninstall, may begin.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="isPrivileged">Whether this process is root's.</param>
    /// <param name="command">What a user types to repeat it.</param>
    /// <exception cref="InstallFailure">It may not.</exception>
    public static void CheckRights(MachineRoot machine, bool isPrivileged, string command)
    {
        if (!isPrivileged) throw new InstallFailure($"only root may do that; run: sudo {command}");
        // sd_booted(3)
        if (!Directory.Exists(machine["/run/systemd/system"]))
        {
            throw new InstallFailure(
                "this machine is not run by systemd, and the service needs it; without: hotcore serve, started by whatever runs here");
        }
    }

    /// <summary>Returns if the program can be copied, and will serve.</summary>
    /// <param name="programFolder">The folder of the program that runs.</param>
    /// <exception cref="InstallFailure">It is not whole, or a library is missing.</exception>
    public static void CheckProgram(string programFolder)
    {
        if (File.Exists(Path.Combine(programFolder, "hotcore.dll")))
            throw new InstallFailure("this is a development build, of many files; build the one that installs: make build");
        try
        {
            OpenSsl.Load();
        }
        catch (TlsUnavailableException missing)
        {
            throw new InstallFailure(missing.Message);
        }
    }
}

using System.Security.Cryptography;
using Hotcore.Loops;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// The program in its place, and the one before it, which is kept until the new one has answered.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="source">The program to install: the one that runs.</param>
/// <param name="version">Its version.</param>
internal sealed class InstalledProgram(MachineRoot machine, string source, string version)
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);

    private string Program => machine[Paths.Program];

    private string Previous => Program + ".previous";

    /// <summary>Whether there is a program to return to.</summary>
    public bool HasPrevious => File.Exists(Previous);

    /// <summary>The version that is installed; null where there is none, or none that can be told.</summary>
    public string? FindVersion()
    {
        if (!File.Exists(Program)) return null;
        try
        {
            return OutsideProgram.Run(StartPatience, Program, "version").Trim();
        }
        catch (ProgramFailure)
        {
            // Damaged. What was installed last is still written down.
            return Receipt.Read(machine)?.Version;
        }
    }

    /// <summary>The hash of the installed program.</summary>
    public string Hash() => Hash(Program);

    /// <summary>Puts the program in place. Returns whether another one was there, or none.</summary>
    /// <exception cref="InstallFailure">The folder is none, or the program does not run there.</exception>
    /// <exception cref="IOException">The disk refuses; the old program is still there.</exception>
    public bool Put()
    {
        CheckFolder();
        if (File.Exists(Program) && (IsRunFromItsPlace() || Hash(Program) == Hash(source)))
        {
            File.SetUnixFileMode(Program, RootFile.Executable);
            return false;
        }
        using (var content = File.OpenRead(source)) RootFile.WriteBeside(Program, content, RootFile.Executable);
        Try(Program + RootFile.Beside);
        KeepPrevious();
        RootFile.Rename(Program + RootFile.Beside, Program);
        Label();
        return true;
    }

    /// <summary>Returns to the program before.</summary>
    public void Restore()
    {
        RootFile.Rename(Previous, Program);
        Label();
    }

    /// <summary>The new program has answered: nobody returns to the one before.</summary>
    public void ForgetPrevious() => RootFile.Remove(Previous);

    private void CheckFolder()
    {
        var folder = machine[Paths.ProgramFolder];
        // The folder above is the service's: it must not lead root's hand elsewhere.
        if (new FileInfo(folder).LinkTarget is not null || File.Exists(folder))
            throw new InstallFailure($"{Paths.ProgramFolder} is not a folder; move it away, and repeat");
        RootFile.MakeFolder(folder);
        var owner = machine.Run("stat", "--format=%u %a", folder).Trim();
        if (owner == "0 755") return;
        machine.Run("chown", "root:root", folder);
        machine.Run("chmod", "755", folder);
    }

    /// <summary>A folder that forbids to run programs, or half a file, shows before the old program is gone.</summary>
    private void Try(string program)
    {
        try
        {
            var said = OutsideProgram.Run(StartPatience, program, "version").Trim();
            if (said == version) return;
            throw new InstallFailure($"the program was not copied whole (it says it is {said}); repeat");
        }
        catch (ProgramFailure failure)
        {
            File.Delete(program);
            throw new InstallFailure(
                $"the program does not run in {Paths.ProgramFolder} ({failure.Message}); is that folder on a disk that is mounted noexec?");
        }
    }

    /// <summary>With SELinux, systemd starts what is labelled as a program; below /opt that is known by the path alone.</summary>
    private void Label()
    {
        if (machine.FindProgram("restorecon") is not null) machine.Run("restorecon", "-R", machine[Paths.ProgramFolder]);
    }

    /// <summary>Only a program that had answered is worth keeping; one that an install left in the middle is not.</summary>
    private void KeepPrevious()
    {
        if (!File.Exists(Program) || Receipt.Read(machine)?.Program != Hash(Program)) return;
        File.Delete(Previous);
        DirectoryEntries.TryLink(Program, Previous);
    }

    private bool IsRunFromItsPlace() =>
        (File.ResolveLinkTarget(source, returnFinalTarget: true)?.FullName ?? source) == Program;

    /// <summary>The hash of a program, or of the one that a process runs.</summary>
    public static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}

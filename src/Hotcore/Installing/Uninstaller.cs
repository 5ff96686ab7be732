using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>Takes away what an install put there, in the reverse order; each part by itself, whatever is left of it.</summary>
/// <param name="machine">The machine.</param>
/// <param name="texts">Completions and manual page, by their paths.</param>
/// <param name="report">Takes each step as it ends.</param>
internal sealed class Uninstaller(
    MachineRoot machine, IReadOnlyList<(string Path, string Text)> texts, Action<InstallStep> report)
{
    private readonly SystemdService _service = new(machine);

    /// <summary>Runs the steps. Returns whether nothing is left but what was to be kept.</summary>
    /// <param name="isPurge">Whether certificates, mappings and the user go as well.</param>
    /// <param name="localFolder">The data folder of local mode, if that is what is installed.</param>
    /// <exception cref="InstallFailure">Another one is at work.</exception>
    public bool Run(bool isPurge, string? localFolder)
    {
        using var uninstalling = InstallLock.Take(machine);
        // As long as it runs, nothing else is taken from under it.
        if (!Attempt("service", RemoveService)) return false;
        var isDone = Attempt("command", RemoveCommand);
        isDone &= Attempt("firewall", CloseFirewall);
        isDone &= Attempt("program", RemoveProgram);
        return isDone & (isPurge ? Purge(localFolder) : Attempt("data", () => TellWhatIsKept(localFolder)));
    }

    private bool Purge(string? localFolder)
    {
        var folder = localFolder ?? Paths.ServiceFolder;
        var isDone = Attempt("data", () => RemoveFolder(folder));
        return isDone & Attempt("user", () => new SystemUser(machine).Remove()
            ? Done("user", "the system user hotcore is gone")
            : AlreadySo("user", "there is no user that was made for hotcore"));
    }

    private bool Attempt(string name, Func<InstallStep> step)
    {
        InstallStep ended;
        try
        {
            ended = step();
        }
        catch (Exception failure) when (failure is InstallFailure or ProgramFailure or IOException or UnauthorizedAccessException)
        {
            ended = new InstallStep(name, StepOutcome.Failed, DiskAdvice.Explain(failure));
        }
        report(ended);
        return ended.Outcome != StepOutcome.Failed;
    }

    private InstallStep RemoveService() => _service.Remove()
        ? Done("service", "hotcore.service is stopped and gone")
        : AlreadySo("service", "there is no hotcore.service");

    private InstallStep RemoveCommand() => new CommandLink(machine, "", texts).Remove()
        ? Done("command", $"{Paths.Command} is gone")
        : AlreadySo("command", $"{Paths.Command} is not hotcore's");

    private InstallStep CloseFirewall()
    {
        var closed = new FirewallPorts(machine).Close();
        return closed.Count > 0
            ? Done("firewall", $"closed again: {string.Join(", ", closed)}")
            : AlreadySo("firewall", "no port was opened for hotcore");
    }

    private InstallStep RemoveProgram()
    {
        var folder = machine[Paths.ProgramFolder];
        var isThere = Directory.Exists(folder);
        if (isThere) Directory.Delete(folder, recursive: true);
        // In local mode nothing else is in it.
        var above = machine[Paths.ServiceFolder];
        if (Directory.Exists(above) && !Directory.EnumerateFileSystemEntries(above).Any()) Directory.Delete(above);
        return isThere ? Done("program", $"{Paths.ProgramFolder} is gone") : AlreadySo("program", $"there is no {Paths.ProgramFolder}");
    }

    private InstallStep RemoveFolder(string folder)
    {
        var isThere = Directory.Exists(machine[folder]);
        if (isThere) Directory.Delete(machine[folder], recursive: true);
        return isThere ? Done("data", $"{folder} is gone") : AlreadySo("data", $"there is no {folder}");
    }

    private InstallStep TellWhatIsKept(string? localFolder)
    {
        var folder = localFolder ?? Paths.ServiceFolder;
        return Directory.Exists(machine[folder])
            ? new InstallStep(
                "data", StepOutcome.LeftOut,
                $"kept: certificates and mappings in {folder}{(localFolder is null ? ", and their user hotcore" : "")}; to delete them: the same with --purge")
            : AlreadySo("data", $"there is no {folder}");
    }

    private static InstallStep Done(string name, string detail) => new(name, StepOutcome.Done, detail);

    private static InstallStep AlreadySo(string name, string detail) => new(name, StepOutcome.AlreadySo, detail);
}

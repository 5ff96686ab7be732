using System.CommandLine;
using Hotcore.Installing;
using Hotcore.Machine;

namespace Hotcore.Cli;

/// <summary><c>hotcore uninstall</c>; <c>hotcore uninstall --purge</c></summary>
internal static class UninstallCommand
{
    public static Command Create(Terminal terminal)
    {
        var purge = new Option<bool>("--purge") { Description = "Delete certificates and mappings as well" };
        var command = new Command("uninstall", "Take the system service away again (needs root)") { purge };
        command.SetAction(arguments => Run(
            terminal, arguments.GetValue(purge), CommandTexts.All(arguments.RootCommandResult.Command)));
        return command;
    }

    private static int Run(Terminal terminal, bool isPurge, IReadOnlyList<(string Path, string Text)> texts)
    {
        var machine = new MachineRoot("/");
        try
        {
            Requirements.CheckRights(machine, Environment.IsPrivilegedProcess, $"hotcore uninstall{(isPurge ? " --purge" : "")}");
            var uninstaller = new Uninstaller(machine, texts, new StepReport(terminal).Write);
            var isDone = uninstaller.Run(isPurge, FindLocalFolder(machine, terminal));
            return isDone ? ExitCode.Ok : ExitCode.Refused;
        }
        catch (Exception failure) when (failure is InstallFailure or ProgramFailure or IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure(ExitCode.Refused, $"not uninstalled: {failure.Message}");
        }
    }

    /// <summary>Where local mode is installed, the folder of whoever calls sudo.</summary>
    private static string? FindLocalFolder(MachineRoot machine, Terminal terminal)
    {
        if (new SystemdService(machine).ReadUnit() is not { } unit || !SystemdUnit.IsLocal(unit)) return null;
        var developer = MachineUser.Find(isPrivileged: true, terminal.Environment);
        return ServiceUser.OfLocalMode(developer, terminal.Environment).DataFolder;
    }
}

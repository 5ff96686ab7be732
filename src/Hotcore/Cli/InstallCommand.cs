using System.CommandLine;
using Hotcore.Control;
using Hotcore.Installing;
using Hotcore.Machine;

namespace Hotcore.Cli;

/// <summary><c>hotcore install</c>; <c>hotcore install --local</c></summary>
internal static class InstallCommand
{
    private const int Steps = 7;

    public static Command Create(Terminal terminal)
    {
        var local = new Option<bool>("--local")
        {
            Description = "In local mode: for development, as the user who calls sudo",
        };
        var command = new Command("install", "Install the system service, or upgrade it, and start it (needs root)") { local };
        command.SetAction(arguments => Run(
            terminal, Build.IsLocal || arguments.GetValue(local), CommandTexts.All(arguments.RootCommandResult.Command)));
        return command;
    }

    private static int Run(Terminal terminal, bool isLocal, IReadOnlyList<(string Path, string Text)> texts)
    {
        try
        {
            var plan = MakePlan(terminal, isLocal, texts);
            terminal.Output.WriteLine($"installing hotcore {plan.Version}");
            var steps = new StepReport(terminal, Steps);
            if (!new Installer(plan, steps.Write).Run()) return ExitCode.Refused;
            terminal.Output.WriteLine();
            // Whether a domain needs attention is not the question now.
            StatusCommand.Run(new RunningHotcore(plan.ControlPort), terminal);
            return ExitCode.Ok;
        }
        catch (Exception failure) when (failure is InstallFailure or ProgramFailure or IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure(ExitCode.Refused, $"not installed: {failure.Message}");
        }
    }

    private static InstallPlan MakePlan(
        Terminal terminal, bool isLocal, IReadOnlyList<(string Path, string Text)> texts)
    {
        var machine = new MachineRoot("/");
        var program = Environment.ProcessPath ?? throw new InstallFailure("the path of this program cannot be told");
        var command = $"{program} install{(isLocal ? " --local" : "")}";
        Requirements.CheckRights(machine, Environment.IsPrivilegedProcess, command);
        Requirements.CheckProgram(AppContext.BaseDirectory);
        var developer = isLocal ? MachineUser.Find(isPrivileged: true, terminal.Environment) : null;
        var user = developer is null
            ? ServiceUser.OfServer
            : ServiceUser.OfLocalMode(developer, terminal.Environment);
        return new InstallPlan(machine, program, Build.Version, user, developer, texts, ControlServer.DefaultPort);
    }
}

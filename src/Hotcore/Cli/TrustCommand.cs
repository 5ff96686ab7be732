using System.CommandLine;
using Hotcore.Certificates.Local;
using Hotcore.Machine;

namespace Hotcore.Cli;

/// <summary><c>hotcore trust</c>; <c>hotcore trust --remove</c></summary>
internal static class TrustCommand
{
    public static Command Create(Terminal terminal)
    {
        var remove = new Option<bool>("--remove") { Description = "Take it out again, everywhere" };
        var data = new Option<string?>("--data")
        {
            Description = "The folder of the hotcore that is meant, as given to serve",
            HelpName = "DIR",
        };
        var command = new Command("trust", "Have this machine and its browsers trust the certificates of local mode")
        {
            remove,
            data,
        };
        command.SetAction(arguments => Run(
            terminal,
            arguments.GetValue(data),
            arguments.GetValue(remove),
            root: "/",
            Environment.IsPrivilegedProcess));
        return command;
    }

    /// <param name="terminal">Takes a line for each store.</param>
    /// <param name="data">The folder of the hotcore that is meant; null for the user's usual one.</param>
    /// <param name="isRemoval">Whether to take the CA out, instead of putting it in.</param>
    /// <param name="root">The root folder, below which the stores are.</param>
    /// <param name="isPrivileged">Whether to act as root.</param>
    /// <exception cref="CommandFailure">There is no CA to put in.</exception>
    internal static int Run(Terminal terminal, string? data, bool isRemoval, string root, bool isPrivileged)
    {
        try
        {
            var user = MachineUser.Find(isPrivileged, terminal.Environment);
            var paths = FindPaths(data, user, terminal);
            var isUsual = data is null && string.IsNullOrEmpty(terminal.Environment("XDG_STATE_HOME"));
            var system = new SystemStore(root, isPrivileged, FormatSudoCommand(isUsual ? null : paths, isRemoval));
            var browsers = new BrowserStores(root, user, terminal.Environment);
            if (isRemoval) return Report([system.Remove(user.Name), .. browsers.Remove()], terminal);
            using var authority = Open(paths, user, terminal);
            if (authority.IsOfMkcert)
            {
                throw new CommandFailure(
                    ExitCode.Refused, "mkcert's CA is in use, and mkcert looks after it; run: mkcert -install");
            }
            return Report([system.Add(authority), .. browsers.Add(authority)], terminal);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ProgramFailure)
        {
            throw new CommandFailure(ExitCode.Refused, failure.Message);
        }
    }

    private static Paths FindPaths(string? data, MachineUser user, Terminal terminal)
    {
        if (data is null) return Paths.Default(isLocal: true, name => user.ReadEnvironment(name, terminal.Environment));
        if (data.Length == 0 || data.Contains('\0'))
            throw new CommandFailure(ExitCode.WrongUsage, "--data takes a folder");
        return new Paths(Path.GetFullPath(data));
    }

    /// <summary>Opens the CA, or makes it: then it is the user's, whoever runs this.</summary>
    private static LocalAuthority Open(Paths paths, MachineUser user, Terminal terminal)
    {
        var folder = paths.LocalAuthority;
        if (user.SudoIds is not null && !Directory.Exists(folder)) user.Run("mkdir", "-p", "-m", "700", "--", folder);
        var authority = LocalAuthority.Open(
            folder,
            TimeProvider.System,
            terminal.Error.WriteLine,
            name => user.ReadEnvironment(name, terminal.Environment));
        var files = user.SudoIds is null ? [] : Directory.GetFiles(folder);
        if (files.Length > 0)
            OutsideProgram.Run("chown", [$"--reference={folder}", "--no-dereference", "--", .. files]);
        return authority;
    }

    private static int Report(IReadOnlyCollection<TrustStep> steps, Terminal terminal)
    {
        foreach (var step in steps)
        {
            var outcome = step.Outcome switch
            {
                TrustOutcome.Done => terminal.Green("done"),
                TrustOutcome.AlreadySo => "already so",
                _ => terminal.Red("failed"),
            };
            (step.Outcome == TrustOutcome.Failed ? terminal.Error : terminal.Output)
                .WriteLine($"{step.Store}: {outcome}: {step.Detail}");
        }
        if (steps.Any(step => step.Store != "system" && step.Outcome == TrustOutcome.Done))
            terminal.Output.WriteLine("browsers that are open notice it once they are started again");
        return steps.Any(step => step.Outcome == TrustOutcome.Failed) ? ExitCode.Refused : ExitCode.Ok;
    }

    /// <summary>What sudo, which knows neither PATH nor variables of the user, needs to be told.</summary>
    private static string FormatSudoCommand(Paths? unusual, bool isRemoval) =>
        $"sudo {Quote(Environment.ProcessPath ?? "hotcore")} trust{(isRemoval ? " --remove" : "")}"
        + (unusual is null || isRemoval ? "" : $" --data {Quote(unusual.DataFolder)}");

    /// <summary>A word as a shell takes it.</summary>
    private static string Quote(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || "/.-_+".Contains(c)) && word.Length > 0
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}

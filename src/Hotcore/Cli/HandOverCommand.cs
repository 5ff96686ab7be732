using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Hotcore.Cli;

/// <summary>
/// <c>hotcore hand-over</c>: what systemd runs to reload the service. Starts the program that is installed by now with the
/// arguments of the process that runs, to take its place; ends when it has, or has failed to. Not in the help.
/// </summary>
internal static class HandOverCommand
{
    private const string MainProcessVariable = "MAINPID";

    public static Command Create(Terminal terminal)
    {
        var command = new Command("hand-over", "Start a successor of the service's process; for systemd") { Hidden = true };
        command.SetAction(_ => Run(terminal));
        return command;
    }

    private static int Run(Terminal terminal)
    {
        var mainProcess = terminal.Environment(MainProcessVariable);
        if (!int.TryParse(mainProcess, NumberStyles.None, CultureInfo.InvariantCulture, out var processId))
        {
            throw new CommandFailure(
                ExitCode.WrongUsage, "hand-over is for systemd, which says what the main process is; use: sudo systemctl reload hotcore");
        }
        try
        {
            if (StartsSuccessor(ReadArguments(processId))) return ExitCode.Ok;
            throw new CommandFailure(ExitCode.Refused, "the new process does not serve, and said above why; the old one goes on");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or Win32Exception)
        {
            throw new CommandFailure(ExitCode.Refused, $"no new process could be started, the old one goes on: {failure.Message}");
        }
    }

    /// <summary>What the process was started with, its own name left out.</summary>
    private static IReadOnlyList<string> ReadArguments(int processId)
    {
        // Each has a zero behind it.
        var words = File.ReadAllText($"/proc/{processId}/cmdline", Encoding.UTF8).Split('\0');
        if (words.Length < 2) throw new IOException($"process {processId} has ended");
        return [.. words[1..^1].Where(word => word != ServeCommand.TakeOver), ServeCommand.TakeOver];
    }

    /// <summary>
    /// Starts it as a child of systemd, which has to hear of its end, not of this process. What it prints when it is ready comes
    /// here; its log goes where this process's does.
    /// </summary>
    private static bool StartsSuccessor(IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo("setsid", ["--fork", Environment.ProcessPath!, .. arguments])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line == Daemon.Ready) return true;
        }
        return false;
    }
}

using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;

namespace Hotcore.Cli;

/// <summary><c>hotcore log</c></summary>
internal static class LogCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var command = new Command("log", "Follow the log (Ctrl+C ends it)") { controlPort };
        command.SetAction(arguments => Run(FindLog(controlPort.Find(arguments, terminal), terminal)));
        return command;
    }

    /// <summary>The log of the hotcore that runs; else the one that the last left behind.</summary>
    private static string FindLog(RunningHotcore hotcore, Terminal terminal)
    {
        const string key = "log ";
        var facts = hotcore.TryAsk("status")?.Split('\n') ?? [];
        var line = facts.FirstOrDefault(fact => fact.StartsWith(key, StringComparison.Ordinal));
        if (line is not null) return line[key.Length..];
        foreach (var isLocal in (ReadOnlySpan<bool>)[Build.IsLocal, !Build.IsLocal])
        {
            var path = Paths.Default(isLocal, terminal.Environment).Log;
            if (File.Exists(path)) return path;
        }
        throw RunningHotcore.NotRunning();
    }

    /// <summary>tail would wait for a file that it may not read.</summary>
    private static void CheckIsReadable(string path)
    {
        try
        {
            File.OpenRead(path).Dispose();
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandFailure(ExitCode.Refused, $"{path} is readable by hotcore's user alone; run: sudo hotcore log");
        }
        catch (FileNotFoundException)
        {
            // Not written yet: tail waits for it.
            return;
        }
    }

    private static int Run(string path)
    {
        CheckIsReadable(path);
        try
        {
            // -F goes on with the next file when hotcore begins one.
            using var tail = Process.Start("tail", ["-n", "50", "-F", path]);
            tail.WaitForExit();
            return tail.ExitCode;
        }
        catch (Win32Exception)
        {
            throw new CommandFailure(ExitCode.Refused, $"there is no 'tail' on this machine; the log is {path}");
        }
    }
}

using System.ComponentModel;
using System.Diagnostics;

namespace Hotcore.Machine;

/// <summary>Runs programs of this machine: no shell, a list of arguments, nothing to read, an end in time.</summary>
internal static class OutsideProgram
{
    private const int TextFileBusy = 26; // errno(3)
    private const int MostAttempts = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseWhileBusy = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Runs a program to its end, with nothing to read, and returns what it printed. Blocks.
    /// </summary>
    /// <exception cref="ProgramFailure">It is missing, failed or does not end; the message says which.</exception>
    public static string Run(string program, params IEnumerable<string> arguments) => Run(Patience, program, arguments);

    /// <summary>The same for a program that may take longer, or that nobody should wait for that long.</summary>
    /// <exception cref="ProgramFailure">It is missing, failed or does not end; the message says which.</exception>
    public static string Run(TimeSpan patience, string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Start(start);
        return Finish(process, Path.GetFileName(program), patience);
    }

    private static Process Start(ProcessStartInfo start)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return Process.Start(start)!;
            }
            catch (Win32Exception busy) when (busy.NativeErrorCode == TextFileBusy && attempt < MostAttempts)
            {
                // Written a moment ago, and a process that another thread starts has it open until it becomes its program.
                Thread.Sleep(PauseWhileBusy);
            }
            catch (Win32Exception missing)
            {
                throw new ProgramFailure($"cannot run {start.FileName}: {missing.Message}");
            }
        }
    }

    private static string Finish(Process process, string name, TimeSpan patience)
    {
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(patience) || !Task.WaitAll([output, error], patience))
        {
            process.Kill(entireProcessTree: true);
            throw new ProgramFailure($"{name} did not end within {patience.TotalSeconds:0} s");
        }
        if (process.ExitCode == 0) return output.Result;
        var said = LastLine(error.Result) ?? LastLine(output.Result) ?? $"it failed with code {process.ExitCode}";
        throw new ProgramFailure(
            said.StartsWith(name, StringComparison.Ordinal) ? said : $"{name}: {said}", process.ExitCode);
    }

    private static string? LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
}

/// <summary>Why a program did not do what it was run for, in one line.</summary>
/// <param name="message">The line.</param>
/// <param name="exitCode">How it ended, or null where it did not run or not end.</param>
internal sealed class ProgramFailure(string message, int? exitCode = null) : Exception(message)
{
    public int? ExitCode { get; } = exitCode;
}

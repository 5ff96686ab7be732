using System.Diagnostics;

namespace Hotcore.Certificates.Local;

/// <summary>A program that was run to its end, as an independent judge.</summary>
internal sealed record ProgramRun(int ExitCode, string Output)
{
    /// <summary>Runs a program with extra variables; its output is both standard output and error.</summary>
    public static ProgramRun Of(
        string program, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ProgramRun(process.ExitCode, output + error.Result);
    }
}

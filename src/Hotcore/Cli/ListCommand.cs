using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore list</c></summary>
internal static class ListCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var command = new Command("list", "List the mappings, sorted by domain") { controlPort };
        command.SetAction(arguments => Run(controlPort.Find(arguments, terminal), terminal));
        return command;
    }

    private static int Run(RunningHotcore hotcore, Terminal terminal)
    {
        string[][] mappings = [.. hotcore.AskForAll("list").Select(line => line.Split(' ', 2))];
        var width = terminal.IsInteractive ? mappings.Max(words => (int?)words[0].Length) ?? 0 : 0;
        foreach (var words in mappings) terminal.Output.WriteLine($"{words[0].PadRight(width)} {words[^1]}");
        return ExitCode.Ok;
    }
}

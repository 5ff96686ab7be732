using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore version</c></summary>
internal static class VersionCommand
{
    public static Command Create(Terminal terminal)
    {
        var command = new Command("version", "Print the version number");
        command.SetAction(_ => terminal.Output.WriteLine(Build.Version));
        return command;
    }
}

using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore credits</c></summary>
internal static class CreditsCommand
{
    public static Command Create(Terminal terminal)
    {
        var command = new Command("credits", "Print each open-source component that hotcore uses, with its licence");
        command.SetAction(_ => terminal.Output.Write(EmbeddedText.Read("CREDITS")));
        return command;
    }
}

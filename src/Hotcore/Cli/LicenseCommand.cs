using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore license</c></summary>
internal static class LicenseCommand
{
    public static Command Create(Terminal terminal)
    {
        var command = new Command("license", "Print the licence of hotcore");
        command.SetAction(_ => terminal.Output.Write(EmbeddedText.Read("LICENSE")));
        return command;
    }
}

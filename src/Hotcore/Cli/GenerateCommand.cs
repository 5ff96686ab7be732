using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore generate bash</c>: for whoever packages hotcore, or uses it without an install. Not in the help.</summary>
internal static class GenerateCommand
{
    public static Command Create(Terminal terminal)
    {
        var name = new Argument<string>("name") { Description = $"One of {string.Join(", ", CommandTexts.Names)}" };
        name.AcceptOnlyFromAmong([.. CommandTexts.Names]);
        var command = new Command("generate", "Print a shell's completion, or the manual page") { name };
        command.Hidden = true;
        command.SetAction(arguments =>
        {
            var index = CommandTexts.Names.ToList().IndexOf(arguments.GetRequiredValue(name));
            terminal.Output.Write(CommandTexts.All(arguments.RootCommandResult.Command)[index].Text);
        });
        return command;
    }
}

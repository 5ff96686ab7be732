using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore help</c>, the same as <c>hotcore --help</c>; <c>hotcore help add</c></summary>
internal static class HelpCommand
{
    public static Command Create(Terminal terminal)
    {
        var about = new Argument<string?>("command")
        {
            Description = "The command to explain",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("help", "List the commands and the messages, or explain one command") { about };
        command.SetAction(arguments => Run(arguments, arguments.GetValue(about), terminal));
        return command;
    }

    private static int Run(ParseResult arguments, string? name, Terminal terminal)
    {
        if (name is null) return CommandLine.Run(["--help"], terminal);
        var root = arguments.RootCommandResult.Command;
        if (root.Subcommands.Any(command => command.Name == name)) return CommandLine.Run([name, "--help"], terminal);
        throw new CommandFailure(ExitCode.WrongUsage, $"'{name}' is not a command; see: hotcore help");
    }
}

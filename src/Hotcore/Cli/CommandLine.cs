using System.CommandLine;
using System.CommandLine.Help;

namespace Hotcore.Cli;

/// <summary>The commands of hotcore and how their arguments are read.</summary>
internal static class CommandLine
{
    // A word that begins with @ is a word, not a file to read more words from.
    private static readonly ParserConfiguration Plain = new() { ResponseFileTokenReplacer = null };

    /// <summary>Runs what the arguments ask for and returns the exit status (<see cref="ExitCode"/>).</summary>
    public static int Run(IReadOnlyList<string> args, Terminal terminal)
    {
        var arguments = Parse(args, terminal);
        if (arguments.Errors.Count > 0) return Complain(arguments, terminal);
        try
        {
            return arguments.Invoke(new InvocationConfiguration
            {
                Output = terminal.Output,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
            });
        }
        catch (CommandFailure failure)
        {
            terminal.Error.WriteLine(failure.Message);
            return failure.ExitCode;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            terminal.Error.WriteLine($"the output cannot be written: {failure.Message}");
            return ExitCode.Refused;
        }
    }

    /// <summary>Reads the arguments, whatever they are, without running anything.</summary>
    public static ParseResult Parse(IReadOnlyList<string> args, Terminal terminal) =>
        Build(terminal).Parse(args, Plain);

    private static RootCommand Build(Terminal terminal)
    {
        // One for all: it may stand before the command as well as behind.
        var controlPort = new ControlPortOption();
        var root = new RootCommand("A reverse proxy: domain → port of this machine. Alone, it prints the status.")
        {
            InstallCommand.Create(terminal),
            UninstallCommand.Create(terminal),
            ServeCommand.Create(terminal),
            AddCommand.Create(terminal, controlPort),
            RemoveCommand.Create(terminal, controlPort),
            ListCommand.Create(terminal, controlPort),
            RenewCommand.Create(terminal, controlPort),
            MsgCommand.Create(terminal, controlPort),
            LogCommand.Create(terminal, controlPort),
            TrustCommand.Create(terminal),
            HelpCommand.Create(terminal),
            VersionCommand.Create(terminal),
            LicenseCommand.Create(terminal),
            CreditsCommand.Create(terminal),
            GenerateCommand.Create(terminal),
            HandOverCommand.Create(terminal),
        };
        root.HelpName = "hotcore";
        root.Options.Add(controlPort);
        root.SetAction(arguments => StatusCommand.Run(controlPort.Find(arguments, terminal), terminal));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithMessages((HelpAction)help.Action!);
        return root;
    }

    private static int Complain(ParseResult arguments, Terminal terminal)
    {
        foreach (var error in arguments.Errors) terminal.Error.WriteLine(error.Message);
        var command = arguments.CommandResult.Command;
        terminal.Error.WriteLine(command is RootCommand ? "see: hotcore help" : $"see: hotcore {command.Name} --help");
        return ExitCode.WrongUsage;
    }
}

using System.CommandLine;

namespace Hotcore.Cli;

/// <summary>
/// The texts that are made of the definitions of the commands, for shells and for man; and where an install puts them.
/// </summary>
internal static class CommandTexts
{
    private const string Share = "/usr/local/share";

    /// <summary>Their names, for the hidden command.</summary>
    public static IReadOnlyList<string> Names { get; } = ["bash", "zsh", "fish", "man"];

    /// <summary>All of them, each with the path that shells and man look at.</summary>
    public static IReadOnlyList<(string Path, string Text)> All(Command root) =>
    [
        ($"{Share}/bash-completion/completions/hotcore", BashCompletion.Write(root)),
        ($"{Share}/zsh/site-functions/_hotcore", ZshCompletion.Write(root)),
        // Of the folders below /usr/local, fish looks only at those that are named in the environment.
        ("/etc/fish/completions/hotcore.fish", FishCompletion.Write(root)),
        ($"{Share}/man/man1/hotcore.1", ManualPage.Write(root)),
    ];

    public static IEnumerable<Command> VisibleCommands(Command root) => root.Subcommands.Where(command => !command.Hidden);

    /// <summary>The options of a command, those of the root that hold everywhere included; --help among them.</summary>
    public static IEnumerable<Option> VisibleOptions(Command root, Command command) =>
        command.Options.Concat(root.Options.Where(option => option.Recursive)).Where(option => !option.Hidden).Distinct();

    public static bool TakesValue(Option option) => option.Arity.MinimumNumberOfValues > 0;

    public static bool TakesFile(Option option) => option.HelpName is "FILE";

    public static bool TakesFolder(Option option) => option.HelpName is "DIR";

    /// <summary>Whether a command is about a domain that is mapped, by its first argument.</summary>
    public static bool TakesMappedDomain(Command command) =>
        command.Arguments.FirstOrDefault()?.Name == "domain";

    /// <summary>Whether a command takes the name of another.</summary>
    public static bool TakesCommand(Command command) => command.Arguments.FirstOrDefault()?.Name == "command";
}

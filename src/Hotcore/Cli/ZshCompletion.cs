using System.CommandLine;
using System.Text;

namespace Hotcore.Cli;

/// <summary>The function with which zsh completes the commands.</summary>
internal static class ZshCompletion
{
    public static string Write(Command root)
    {
        var text = new StringBuilder("""
            #compdef hotcore
            # Tab completion of hotcore for zsh; written by hotcore itself.
            _hotcore() {
                local -a commands
                commands=(

            """);
        foreach (var command in CommandTexts.VisibleCommands(root))
            text.Append($"        '{command.Name}:{Escape(command.Description)}'\n");
        text.Append("""
                )
                if (( CURRENT == 2 )); then
                    _describe command commands
                    return
                fi
                shift words
                (( CURRENT-- ))
                case $words[1] in

            """);
        foreach (var command in CommandTexts.VisibleCommands(root)) WriteCase(text, root, command);
        return text.Append("    esac\n}\n_hotcore \"$@\"\n").ToString();
    }

    private static void WriteCase(StringBuilder text, Command root, Command command)
    {
        text.Append($"        {command.Name}) _arguments");
        foreach (var option in CommandTexts.VisibleOptions(root, command))
            text.Append($" '{option.Name}[{Escape(option.Description)}]{Value(option)}'");
        for (var i = 0; i < command.Arguments.Count; i++)
        {
            var argument = command.Arguments[i];
            var number = argument.Arity.MaximumNumberOfValues > 1 ? "*" : $"{i + 1}";
            text.Append($" '{number}:{argument.Name}:{Choices(command, i)}'");
        }
        text.Append(" ;;\n");
    }

    private static string Value(Option option)
    {
        if (!CommandTexts.TakesValue(option)) return "";
        var files = CommandTexts.TakesFile(option) ? "_files" : CommandTexts.TakesFolder(option) ? "_files -/" : "";
        return $":{option.HelpName}:{files}";
    }

    private static string Choices(Command command, int argument) => argument switch
    {
        0 when CommandTexts.TakesMappedDomain(command) => "($(hotcore list 2>/dev/null | cut -d \" \" -f 1))",
        0 when CommandTexts.TakesCommand(command) => "_describe command commands",
        _ => "",
    };

    private static string Escape(string? text) => (text ?? "")
        .Replace("'", "'\\''", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal)
        .Replace("[", "\\[", StringComparison.Ordinal).Replace("]", "\\]", StringComparison.Ordinal);
}

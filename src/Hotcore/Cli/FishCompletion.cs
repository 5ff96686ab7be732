using System.CommandLine;
using System.Text;

namespace Hotcore.Cli;

/// <summary>The lines with which fish completes the commands.</summary>
internal static class FishCompletion
{
    private const string Start = "complete --command hotcore";

    public static string Write(Command root)
    {
        var text = new StringBuilder(
            $"# Tab completion of hotcore for fish; written by hotcore itself.\n{Start} --no-files\n");
        var names = string.Join(' ', CommandTexts.VisibleCommands(root).Select(command => command.Name));
        foreach (var command in CommandTexts.VisibleCommands(root))
        {
            text.Append(
                $"{Start} --condition __fish_use_subcommand --arguments {command.Name} --description {Quote(command.Description)}\n");
            var condition = $"--condition '__fish_seen_subcommand_from {command.Name}'";
            foreach (var option in CommandTexts.VisibleOptions(root, command))
            {
                var value = !CommandTexts.TakesValue(option) ? ""
                    : CommandTexts.TakesFile(option) || CommandTexts.TakesFolder(option) ? " --require-parameter --force-files"
                    : " --exclusive";
                text.Append($"{Start} {condition} --long-option {option.Name.TrimStart('-')}{value} --description {Quote(option.Description)}\n");
            }
            if (CommandTexts.TakesMappedDomain(command))
                text.Append($"{Start} {condition} --arguments '(hotcore list 2>/dev/null | string replace --regex \" .*\" \"\")'\n");
            if (CommandTexts.TakesCommand(command)) text.Append($"{Start} {condition} --arguments '{names}'\n");
        }
        return text.ToString();
    }

    private static string Quote(string? text) =>
        $"'{(text ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}

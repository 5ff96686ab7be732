using System.CommandLine;
using System.Text;

namespace Hotcore.Cli;

/// <summary>The script with which bash completes the commands.</summary>
internal static class BashCompletion
{
    public static string Write(Command root)
    {
        var names = string.Join(' ', CommandTexts.VisibleCommands(root).Select(command => command.Name));
        var cases = new StringBuilder();
        foreach (var command in CommandTexts.VisibleCommands(root))
            cases.Append($"        {command.Name}) words=\"{Words(root, command, names)}\" ;;\n");
        var rootOptions = string.Join(' ', CommandTexts.VisibleOptions(root, root).Select(option => option.Name));
        return $$"""
            # shellcheck shell=bash
            # Tab completion of hotcore for bash; written by hotcore itself.
            _hotcore() {
                local word=${COMP_WORDS[COMP_CWORD]} command="" words i
                for ((i = 1; i < COMP_CWORD; i++)); do
                    case ${COMP_WORDS[i]} in
                    --control-port) ((i++)) ;;
                    -*) ;;
                    *)
                        command=${COMP_WORDS[i]}
                        break
                        ;;
                    esac
                done
                case $command in
                    "") words="{{names}} {{rootOptions}}" ;;
            {{cases}}        *) words="" ;;
                esac
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
            }
            complete -o default -F _hotcore hotcore

            """;
    }

    private static string Words(Command root, Command command, string names)
    {
        var words = string.Join(' ', CommandTexts.VisibleOptions(root, command).Select(option => option.Name));
        if (CommandTexts.TakesCommand(command)) return $"{names} {words}";
        return CommandTexts.TakesMappedDomain(command) ? $"$(hotcore list 2>/dev/null | cut -d ' ' -f 1) {words}" : words;
    }
}

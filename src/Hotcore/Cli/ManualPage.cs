using System.CommandLine;
using System.Text;
using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary>The manual page, hotcore(1), in the language of man(7).</summary>
internal static class ManualPage
{
    public static string Write(Command root)
    {
        var text = new StringBuilder();
        text.Append($".TH HOTCORE 1 \"\" \"hotcore {Escape(Build.Version)}\" \"\"\n");
        text.Append(".SH NAME\nhotcore \\- HTTPS reverse proxy: domain to port of this machine\n");
        text.Append(".SH SYNOPSIS\n.B hotcore\n.RI [ command \" [\" argument ...]]\n");
        text.Append(
            $".SH DESCRIPTION\n{Escape(root.Description)}\nThere is no configuration file; certificates come and are renewed by themselves.\n");
        text.Append(".SH COMMANDS\n");
        foreach (var command in CommandTexts.VisibleCommands(root)) WriteCommand(text, root, command);
        text.Append(".SH MESSAGES\n");
        text.Append($"One UDP datagram to 127.0.0.1 or ::1, port {ControlServer.DefaultPort}; one datagram back.\n");
        foreach (var (request, reply) in ControlMessage.Catalogue)
            text.Append($".TP\n.B {Escape(request)}\n{Escape(reply)}\n");
        WriteRest(text);
        return text.ToString();
    }

    private static void WriteCommand(StringBuilder text, Command root, Command command)
    {
        var arguments = command.Arguments.Select(argument =>
            argument.Arity.MinimumNumberOfValues == 0 ? $"[<{argument.Name}>]" : $"<{argument.Name}>");
        text.Append($".SS {Escape(string.Join(' ', arguments.Prepend(command.Name)))}\n{Escape(command.Description)}.\n");
        foreach (var option in CommandTexts.VisibleOptions(root, command).Where(option => option.Name != "--help"))
        {
            var value = CommandTexts.TakesValue(option) ? $" \\fI{Escape(option.HelpName)}\\fR" : "";
            text.Append($".TP\n\\fB{Escape(option.Name)}\\fR{value}\n{Escape(option.Description)}\n");
        }
    }

    private static void WriteRest(StringBuilder text) => text.Append($"""
        .SH EXIT STATUS
        0 done; 1 refused, or something needs attention; 2 wrong usage; 3 hotcore is not running.
        .SH FILES
        .TP
        .I {Escape(Paths.ServiceFolder)}
        What the service keeps: mappings, certificates, its log. In local mode, ~/.local/state/hotcore.
        .TP
        .I {Escape(Paths.Program)}
        The program.
        .TP
        .I {Escape(Paths.SystemdUnit)}
        The service; changed by systemctl edit hotcore.
        .SH ENVIRONMENT
        .TP
        .B HOTCORE_CONTROL_PORT
        The control port of the running hotcore, where it is not {ControlServer.DefaultPort}.
        .TP
        .B NO_COLOR
        No colour.

        """);

    /// <summary>A text in which nothing is taken for a command, and a hyphen can be searched for and copied.</summary>
    private static string Escape(string? text)
    {
        var escaped = (text ?? "").Replace("\\", "\\e", StringComparison.Ordinal)
            .Replace("-", "\\-", StringComparison.Ordinal).Replace("→", "\\(->", StringComparison.Ordinal)
            .Replace("…", "...", StringComparison.Ordinal);
        return escaped.Length > 0 && escaped[0] is '.' or '\'' ? "\\&" + escaped : escaped;
    }
}

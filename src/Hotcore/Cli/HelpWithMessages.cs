using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary>Help on a command; that on hotcore itself names the messages for programs too.</summary>
internal sealed class HelpWithMessages(HelpAction commands) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = commands.Invoke(parseResult);
        if (parseResult.CommandResult.Command is RootCommand) WriteMessages(parseResult.InvocationConfiguration.Output);
        return exitCode;
    }

    private static void WriteMessages(TextWriter output)
    {
        output.WriteLine(
            $"Messages (UDP to 127.0.0.1 or ::1, port {ControlServer.DefaultPort}; by hand: hotcore msg <text>):");
        var width = ControlMessage.Catalogue.Max(message => message.Request.Length);
        foreach (var (request, reply) in ControlMessage.Catalogue)
            output.WriteLine($"  {request.PadRight(width)}  {reply}");
    }
}

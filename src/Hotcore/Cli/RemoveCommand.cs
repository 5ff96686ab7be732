using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore remove a.com</c></summary>
internal static class RemoveCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var domain = new Argument<string>("domain") { Description = "The domain to unmap" };
        var command = new Command("remove", "Unmap a domain") { domain, controlPort };
        command.SetAction(arguments =>
        {
            var reply = controlPort.Find(arguments, terminal).Ask($"remove {arguments.GetRequiredValue(domain)}");
            terminal.Output.WriteLine($"{reply.Split(' ')[^1]} is not mapped any more");
            return ExitCode.Ok;
        });
        return command;
    }
}

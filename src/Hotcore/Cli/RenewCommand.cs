using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore renew a.com</c></summary>
internal static class RenewCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var domain = new Argument<string>("domain") { Description = "The domain whose key has leaked, or whose certificate was revoked" };
        var command = new Command("renew", "Ask for a new certificate with a new key now") { domain, controlPort };
        command.SetAction(arguments =>
        {
            var reply = controlPort.Find(arguments, terminal).Ask($"renew {arguments.GetRequiredValue(domain)}");
            terminal.Output.WriteLine(
                $"a new certificate for {reply.Split(' ')[^1]} is asked for; the present one serves until it is there (see: hotcore)");
            return ExitCode.Ok;
        });
        return command;
    }
}

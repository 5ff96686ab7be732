using System.CommandLine;

namespace Hotcore.Cli;

/// <summary><c>hotcore add a.com 8080</c></summary>
internal static class AddCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var domain = new Argument<string>("domain") { Description = "The domain, such as a-app.com" };
        var port = new Argument<string>("port") { Description = "The port of the app on this machine, 1 to 65535" };
        var command = new Command("add", "Map a domain to a port, or map it anew") { domain, port, controlPort };
        command.SetAction(arguments => Run(
            controlPort.Find(arguments, terminal),
            terminal,
            arguments.GetRequiredValue(domain),
            arguments.GetRequiredValue(port)));
        return command;
    }

    private static int Run(RunningHotcore hotcore, Terminal terminal, string domain, string port)
    {
        var ok = hotcore.Ask($"add {domain} {port}").Split(' ');
        if (ok is not ["ok", string mapped, string mappedPort])
            throw new CommandFailure(ExitCode.Refused, "whatever has the control port is not hotcore");
        terminal.Output.WriteLine($"{mapped} → port {mappedPort}");
        // Not an error: apps are often started after they are mapped.
        if (hotcore.TryAsk($"status {mapped}")?.Contains(" upstream down ", StringComparison.Ordinal) == true)
            terminal.Error.WriteLine($"nothing listens on port {mappedPort} yet: start the app");
        return ExitCode.Ok;
    }
}

using System.CommandLine;
using System.Globalization;
using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary>The hotcore that a client command talks to. Every failure ends the command.</summary>
internal sealed class RunningHotcore
{
    private const string PortVariable = "HOTCORE_CONTROL_PORT";

    private readonly ControlClient _client;

    private RunningHotcore(int port) => _client = new ControlClient(port, ControlClient.DefaultTimeLimit);

    /// <summary>The option by which every client command can be told the port.</summary>
    public static Option<int?> PortOption { get; } = new("--control-port")
    {
        Description = $"The control port of the running hotcore (or set {PortVariable})",
        HelpName = "N",
        CustomParser = result => Ports.Parse(result, smallest: 1),
    };

    /// <exception cref="CommandFailure">The port in the environment is none.</exception>
    public static RunningHotcore Of(ParseResult arguments, Terminal terminal)
    {
        int? port = arguments.GetValue(PortOption);
        if (port is not null) return new RunningHotcore(port.Value);
        string? variable = terminal.Environment(PortVariable);
        if (string.IsNullOrEmpty(variable)) return new RunningHotcore(ControlServer.DefaultPort);
        if (int.TryParse(variable, NumberStyles.None, CultureInfo.InvariantCulture, out int read) && read is >= 1 and <= 65535)
            return new RunningHotcore(read);
        throw new CommandFailure(ExitCode.WrongUsage, $"{PortVariable} is '{variable}'; it takes a number from 1 to 65535");
    }

    /// <summary>Sends a message and returns the reply.</summary>
    /// <exception cref="CommandFailure">No hotcore runs, or it refused.</exception>
    public string Ask(string message)
    {
        string reply = _client.Ask(message) ?? throw NotRunning();
        string? refusal = ControlMessage.FindError(reply);
        return refusal is null ? reply : throw new CommandFailure(ExitCode.Refused, refusal);
    }

    /// <summary>Sends a message and returns the reply, a refusal too; null when no hotcore runs.</summary>
    public string? TryAsk(string message) => _client.Ask(message);

    /// <summary>Asks for a listing and returns all its lines.</summary>
    /// <exception cref="CommandFailure">No hotcore runs.</exception>
    public IEnumerable<string> AskForAll(string message) => _client.AskForAll(message) ?? throw NotRunning();

    /// <summary>Says that no hotcore runs, and how to start it.</summary>
    public static CommandFailure NotRunning()
    {
        string start = File.Exists(Paths.SystemdUnit) ? "sudo systemctl start hotcore" : "hotcore serve";
        return new CommandFailure(ExitCode.NotRunning, $"hotcore is not running; start it with: {start}");
    }
}

using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary>The hotcore that a client command talks to. Every failure ends the command.</summary>
internal sealed class RunningHotcore(int controlPort)
{
    private readonly ControlClient _client = new(controlPort, ControlClient.DefaultTimeLimit);

    /// <summary>Sends a message and returns the reply.</summary>
    /// <exception cref="CommandFailure">No hotcore runs, or it refused.</exception>
    public string Ask(string message)
    {
        var reply = _client.Ask(message) ?? throw NotRunning();
        var refusal = ControlMessage.FindError(reply);
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
        var start = File.Exists(Paths.SystemdUnit) ? "sudo systemctl start hotcore" : "hotcore serve";
        return new CommandFailure(ExitCode.NotRunning, $"hotcore is not running; start it with: {start}");
    }
}

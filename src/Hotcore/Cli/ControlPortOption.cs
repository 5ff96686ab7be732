using System.CommandLine;
using Hotcore.Control;
using Hotcore.Mappings;

namespace Hotcore.Cli;

/// <summary>The option, or environment variable, that tells a client command which hotcore to talk to.</summary>
internal sealed class ControlPortOption : Option<int?>
{
    private const string Variable = "HOTCORE_CONTROL_PORT";

    public ControlPortOption()
        : base("--control-port")
    {
        Description = $"The control port of the running hotcore (or set {Variable})";
        HelpName = "N";
        CustomParser = result => Ports.Parse(result, smallest: 1);
    }

    /// <exception cref="CommandFailure">The port in the environment is none.</exception>
    public RunningHotcore Find(ParseResult arguments, Terminal terminal)
    {
        var port = arguments.GetValue(this);
        if (port is not null) return new RunningHotcore(port.Value);
        var variable = terminal.Environment(Variable);
        if (string.IsNullOrEmpty(variable)) return new RunningHotcore(ControlServer.DefaultPort);
        if (Mapping.TryParsePort(variable, out var read)) return new RunningHotcore(read);
        throw new CommandFailure(ExitCode.WrongUsage, $"{Variable} is '{variable}'; it takes a number from 1 to 65535");
    }
}

using System.CommandLine;
using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary><c>hotcore msg status a.com</c></summary>
internal static class MsgCommand
{
    public static Command Create(Terminal terminal, ControlPortOption controlPort)
    {
        var text = new Argument<string[]>("text")
        {
            Description = "The message, such as: check",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("msg", "Send a message as a program would, and print the reply")
        {
            text,
            controlPort,
        };
        command.SetAction(arguments =>
        {
            var message = string.Join(' ', arguments.GetRequiredValue(text));
            // Nobody replies to an empty datagram.
            if (message.Length == 0)
                throw new CommandFailure(ExitCode.WrongUsage, "the message is empty; for example: hotcore msg check");
            var reply = controlPort.Find(arguments, terminal).TryAsk(message) ?? throw RunningHotcore.NotRunning();
            var isRefused = ControlMessage.FindError(reply) is not null;
            (isRefused ? terminal.Error : terminal.Output).WriteLine(reply);
            return isRefused ? ExitCode.Refused : ExitCode.Ok;
        });
        return command;
    }
}

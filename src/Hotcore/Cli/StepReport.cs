using Hotcore.Installing;

namespace Hotcore.Cli;

/// <summary>Prints the steps of an install or uninstall, one a line, as they end.</summary>
/// <param name="terminal">Where to.</param>
/// <param name="count">How many there will be if none fails; null where that depends.</param>
internal sealed class StepReport(Terminal terminal, int? count = null)
{
    private int _number;

    public void Write(InstallStep step)
    {
        _number++;
        var number = count is null ? "" : $"{_number}/{count} ";
        var outcome = step.Outcome switch
        {
            StepOutcome.Done => terminal.Green("done"),
            StepOutcome.AlreadySo => "already so",
            StepOutcome.LeftOut => "left out",
            _ => terminal.Red("failed"),
        };
        (step.Outcome == StepOutcome.Failed ? terminal.Error : terminal.Output)
            .WriteLine($"{number}{step.Name,-9}{outcome}: {step.Detail}");
    }
}

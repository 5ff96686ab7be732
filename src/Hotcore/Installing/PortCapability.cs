using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// The program's right to ports below 1024, as an attribute of its file. The service has it from its unit as well, so a
/// machine or a disk that does not know such attributes is no obstacle.
/// </summary>
internal sealed class PortCapability(MachineRoot machine)
{
    private const string Name = "cap_net_bind_service";

    /// <summary>Grants it, unless it is granted.</summary>
    public InstallStep Grant(string step)
    {
        var program = machine[Paths.Program];
        if (machine.FindProgram("setcap") is null)
            return LeftOut("there is no setcap on this machine (Debian, Ubuntu: libcap2-bin; Fedora, RHEL: libcap)");
        try
        {
            if (IsGranted(program))
                return new InstallStep(step, StepOutcome.AlreadySo, "the program may listen on ports 80 and 443");
            machine.Run("setcap", $"{Name}=+eip", program);
            return new InstallStep(step, StepOutcome.Done, "the program may listen on ports 80 and 443");
        }
        catch (ProgramFailure failure)
        {
            return LeftOut($"the disk of {Paths.ProgramFolder} does not take the capability ({failure.Message})");
        }

        InstallStep LeftOut(string why) =>
            new(step, StepOutcome.LeftOut, $"{why}; the service has the right from systemd all the same");
    }

    /// <summary>Older versions of getcap print <c>= cap_net_bind_service+eip</c>, newer ones <c>cap_net_bind_service=eip</c>.</summary>
    private bool IsGranted(string program)
    {
        var said = machine.FindProgram("getcap") is null ? "" : machine.Run("getcap", program).Trim();
        return said.EndsWith($"{Name}=eip", StringComparison.Ordinal)
            || said.EndsWith($"{Name}+eip", StringComparison.Ordinal);
    }
}

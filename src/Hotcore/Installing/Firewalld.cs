using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>firewalld, the firewall of Fedora and RHEL. What is opened is opened in its default zone.</summary>
internal sealed class Firewalld(MachineRoot machine) : IFirewall
{
    private const int No = 1; // firewall-cmd(1), of a query
    private const int NotRunning = 252;

    public string Name => "firewalld";

    public string CommandByHand =>
        "sudo firewall-cmd --permanent --add-service=http --add-service=https && sudo firewall-cmd --reload";

    public bool IsInstalled() => machine.FindProgram("firewall-cmd") is not null;

    public bool IsActive() => IsInstalled() && machine.Ask(NotRunning, "firewall-cmd", "--state") is not null;

    public bool IsOpen(int port) => IsOpenIn([], port) && IsOpenIn(["--permanent"], port);

    public void Open(int port)
    {
        // Both, instead of a reload, which would undo what was opened until the next restart only.
        machine.Run("firewall-cmd", "--permanent", $"--add-service={Service(port)}");
        machine.Run("firewall-cmd", $"--add-service={Service(port)}");
    }

    public void Close(int port)
    {
        // Where firewalld does not run, its files are edited by its other command.
        if (!IsActive())
        {
            machine.Run("firewall-offline-cmd", $"--remove-service={Service(port)}");
            return;
        }
        machine.Run("firewall-cmd", "--permanent", $"--remove-service={Service(port)}");
        machine.Run("firewall-cmd", $"--remove-service={Service(port)}");
    }

    private bool IsOpenIn(string[] scope, int port) =>
        machine.Ask(No, "firewall-cmd", [.. scope, $"--query-service={Service(port)}"]) is not null
        || machine.Ask(No, "firewall-cmd", [.. scope, $"--query-port={port}/tcp"]) is not null;

    private static string Service(int port) => port == 80 ? "http" : "https";
}

using System.Globalization;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// Ports 80 and 443 in the firewall that is active, and the memory of those that were opened here: only these are closed again.
/// </summary>
internal sealed class FirewallPorts(MachineRoot machine)
{
    private const string OpenedPath = Paths.ProgramFolder + "/opened-ports";
    private static readonly int[] Ports = [80, 443];

    private readonly IFirewall[] _firewalls = [new Ufw(machine), new Firewalld(machine)];

    /// <summary>Opens what is closed. Never throws for a firewall that does not work: the step says so.</summary>
    public InstallStep Open(string step)
    {
        IFirewall? asked = null;
        try
        {
            foreach (var firewall in _firewalls)
            {
                asked = firewall;
                if (firewall.IsActive()) return OpenIn(firewall, step);
            }
            return new InstallStep(step, StepOutcome.AlreadySo, "neither ufw nor firewalld is active");
        }
        catch (ProgramFailure failure)
        {
            return new InstallStep(
                step, StepOutcome.Failed,
                $"{asked!.Name} does not work: {failure.Message}. Once it does, open the ports: {asked.CommandByHand}");
        }
    }

    /// <summary>Closes what <see cref="Open"/> opened. Returns the ports, by their firewall.</summary>
    /// <exception cref="ProgramFailure">The firewall does not work.</exception>
    public IReadOnlyList<string> Close()
    {
        var opened = ReadOpened();
        foreach (var firewall in _firewalls.Where(known => known.IsInstalled()))
        {
            foreach (var port in Ports.Where(port => opened.Contains(Word(firewall, port)))) firewall.Close(port);
        }
        RootFile.Remove(machine[OpenedPath]);
        return opened;
    }

    private InstallStep OpenIn(IFirewall firewall, string step)
    {
        int[] closed = [.. Ports.Where(port => !firewall.IsOpen(port))];
        if (closed.Length == 0)
            return new InstallStep(step, StepOutcome.AlreadySo, $"{firewall.Name} lets 80 and 443 in");
        // Remembered first: a kill in between must not leave a port open that nobody closes.
        string[] opened = [.. ReadOpened().Union(closed.Select(port => Word(firewall, port)))];
        RootFile.Write(machine[OpenedPath], string.Concat(opened.Select(word => $"{word}\n")));
        foreach (var port in closed) firewall.Open(port);
        var ports = string.Join(" and ", closed);
        return new InstallStep(step, StepOutcome.Done, $"{firewall.Name} lets {ports} in");
    }

    private string[] ReadOpened() =>
        RootFile.TryRead(machine[OpenedPath])?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static string Word(IFirewall firewall, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{firewall.Name} {port}");
}

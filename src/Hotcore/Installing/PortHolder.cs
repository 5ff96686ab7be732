using System.Globalization;
using System.Text;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>The program that has a port which hotcore needs.</summary>
/// <param name="Port">The port.</param>
/// <param name="Name">The program's name.</param>
/// <param name="ProcessId">Its process id; null where that cannot be told.</param>
/// <param name="Unit">The systemd service it runs in, if it does.</param>
internal sealed record PortHolder(int Port, string Name, int? ProcessId, string? Unit)
{
    // TCP_LISTEN, and what a UDP socket that is connected to nobody is shown as.
    private const string Listening = "0A";
    private const string Unconnected = "07";

    /// <summary>Whether it is a port of UDP; else of TCP.</summary>
    public bool IsUdp { get; init; }

    /// <summary>Who, other than hotcore's service, listens on one of some TCP ports.</summary>
    /// <param name="machine">The machine, for its /proc.</param>
    /// <param name="ports">The ports.</param>
    public static IReadOnlyList<PortHolder> Find(MachineRoot machine, params int[] ports) =>
        FirstOfEach(FindAll(machine, isUdp: false, ports).Where(holder => holder.Unit != SystemdUnit.Name));

    /// <summary>Who, be it another hotcore, receives at a port; null for nobody.</summary>
    /// <param name="machine">The machine, for its /proc.</param>
    /// <param name="isUdp">Whether it is a port of UDP; else of TCP.</param>
    /// <param name="port">The port.</param>
    public static PortHolder? FindHolder(MachineRoot machine, bool isUdp, int port) =>
        FirstOfEach(FindAll(machine, isUdp, [port])).FirstOrDefault();

    /// <summary>A server's workers share the socket of the one that started them: the first to run is the one to stop.</summary>
    private static IReadOnlyList<PortHolder> FirstOfEach(IEnumerable<PortHolder> holders) =>
        [.. holders.OrderBy(holder => holder.ProcessId).DistinctBy(holder => holder.Port).OrderBy(holder => holder.Port)];

    private static List<PortHolder> FindAll(MachineRoot machine, bool isUdp, int[] ports)
    {
        var sockets = FindSockets(machine, isUdp, ports);
        if (sockets.Count == 0) return [];
        var holders = new List<PortHolder>();
        foreach (var process in Directory.GetDirectories(machine["/proc"]))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) continue;
            foreach (var port in FindPorts(process, sockets)) holders.Add(Describe(process, id, port) with { IsUdp = isUdp });
        }
        var known = holders.Select(holder => holder.Port).ToHashSet();
        holders.AddRange(sockets.Values.Distinct().Where(port => !known.Contains(port))
            .Select(port => new PortHolder(port, "a program that cannot be told", null, null) { IsUdp = isUdp }));
        return holders;
    }

    /// <summary>What stands in the way, and how to stop it.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"port {Port} is taken by {DescribeProgram()}");

    /// <summary>The same without the port.</summary>
    public string DescribeProgram()
    {
        var id = ProcessId is null ? "" : string.Create(CultureInfo.InvariantCulture, $" (process {ProcessId})");
        return $"{Name}{id}; {Remedy()}";
    }

    private string Remedy()
    {
        if (Name == "docker-proxy") return $"a container publishes it; which one: sudo docker ps --filter publish={Port}";
        if (ProcessId == 1) return "systemd listens for one of its services; which one: systemctl list-sockets";
        if (Unit is not null) return $"stop it: sudo systemctl disable --now {Unit[..^".service".Length]}";
        return ProcessId is null
            ? $"which one it is: sudo ss -l{(IsUdp ? 'u' : 't')}np 'sport = :{Port}'"
            : string.Create(CultureInfo.InvariantCulture, $"stop it: sudo kill {ProcessId}");
    }

    /// <summary>Each receiving socket's number and port, from tables whose lines are <c>sl local:port remote state … inode</c>.</summary>
    private static Dictionary<string, int> FindSockets(MachineRoot machine, bool isUdp, int[] ports)
    {
        var (tables, state) = isUdp
            ? ((string[])["/proc/net/udp", "/proc/net/udp6"], Unconnected)
            : (["/proc/net/tcp", "/proc/net/tcp6"], Listening);
        var sockets = new Dictionary<string, int>();
        foreach (var table in tables)
        {
            if (!File.Exists(machine[table])) continue;
            foreach (var line in File.ReadLines(machine[table], Encoding.ASCII).Skip(1))
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length < 10 || words[3] != state) continue;
                var portWord = words[1][(words[1].IndexOf(':') + 1)..];
                var isPort = int.TryParse(portWord, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var port);
                if (isPort && ports.Contains(port)) sockets[$"socket:[{words[9]}]"] = port;
            }
        }
        return sockets;
    }

    private static HashSet<int> FindPorts(string process, Dictionary<string, int> sockets)
    {
        var ports = new HashSet<int>();
        try
        {
            foreach (var descriptor in Directory.GetFileSystemEntries(Path.Combine(process, "fd")))
            {
                var target = new FileInfo(descriptor).LinkTarget;
                if (target is not null && sockets.TryGetValue(target, out var port)) ports.Add(port);
            }
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It ended while it was looked at, or is not ours to look at.
            return ports;
        }
        return ports;
    }

    private static PortHolder Describe(string process, int id, int port)
    {
        try
        {
            var name = File.ReadAllText(Path.Combine(process, "comm")).Trim();
            var group = File.ReadAllText(Path.Combine(process, "cgroup")).Trim();
            var unit = group[(group.LastIndexOf('/') + 1)..];
            return new PortHolder(port, name, id, unit.EndsWith(".service", StringComparison.Ordinal) ? unit : null);
        }
        catch (IOException)
        {
            return new PortHolder(port, "a program that has just ended", id, null);
        }
    }
}

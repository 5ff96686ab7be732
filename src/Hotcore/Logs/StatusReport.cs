using System.Globalization;
using System.Net;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Logs;

/// <summary>What the messages status and status domains say about the running process. Of any thread.</summary>
internal sealed class StatusReport
{
    private readonly StatusFacts _facts;
    private readonly Func<MappingSnapshot> _mappings;
    private readonly ListeningPorts _ports;
    private readonly TimeProvider _clock;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly List<(string Name, EndPoint Address)> _addresses = [];
    private (MappingSnapshot Mappings, IReadOnlySet<int> Ports, int Count)? _attention;

    public StatusReport(StatusFacts facts, Func<MappingSnapshot> mappings, ListeningPorts ports, TimeProvider clock)
    {
        _facts = facts;
        _mappings = mappings;
        _ports = ports;
        _clock = clock;
        _startedAt = clock.GetTimestamp();
    }

    /// <summary>Adds an address that hotcore listens on, by its name: http or control.</summary>
    public void AddAddress(string name, EndPoint address)
    {
        lock (_gate) _addresses.Add((name, address));
    }

    /// <summary>
    /// Lines of <c>key value</c>: version, mode, uptime (in seconds), one line an address, domains, attention (how many
    /// domains need it), data and log (paths). The last has no line end.
    /// </summary>
    public string Summarize()
    {
        MappingSnapshot mappings = _mappings();
        var text = new StringBuilder();
        long uptimeSeconds = (long)_clock.GetElapsedTime(_startedAt).TotalSeconds;
        Append($"version {_facts.Version}\nmode {(_facts.IsLocal ? "local" : "server")}\nuptime {uptimeSeconds}\n");
        lock (_gate)
        {
            foreach ((string name, EndPoint address) in _addresses) Append($"{name} {address}\n");
        }
        Append($"domains {mappings.Count}\nattention {CountAttention(mappings)}\n");
        Append($"data {_facts.DataFolder}\nlog {_facts.LogPath}");
        return text.ToString();

        void Append(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>One line: <c>a.com 8080 upstream up certificate none made 2026-11-22T08:00:00Z</c>.</summary>
    public string Describe(Mapping mapping)
    {
        string upstream = IsUp(mapping, _ports.Current) ? "up" : "down";
        string madeAt = MappingLine.FormatTime(mapping.MadeAt);
        return $"{mapping.Domain} {mapping.Port} upstream {upstream} certificate none made {madeAt}";
    }

    private static bool IsUp(Mapping mapping, IReadOnlySet<int> ports) => ports.Contains(mapping.Port);

    /// <summary>Counts over all mappings, once for each state of the mappings and of the ports.</summary>
    private int CountAttention(MappingSnapshot mappings)
    {
        IReadOnlySet<int> ports = _ports.Current;
        lock (_gate)
        {
            if (_attention is { } known && known.Mappings == mappings && known.Ports == ports) return known.Count;
            int count = mappings.All.Count(mapping => !IsUp(mapping, ports));
            _attention = (mappings, ports, count);
            return count;
        }
    }
}

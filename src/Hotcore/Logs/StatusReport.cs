using System.Globalization;
using System.Net;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Logs;

/// <summary>What the messages status and status domains say about the running process. Of any thread.</summary>
internal sealed class StatusReport
{
    private static readonly TimeSpan CertificatesStayTheSame = TimeSpan.FromSeconds(1);

    private readonly StatusFacts _facts;
    private readonly Func<MappingSnapshot> _mappings;
    private readonly ListeningPorts _ports;
    private readonly TimeProvider _clock;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly List<(string Name, EndPoint Address)> _addresses = [];
    private (MappingSnapshot Mappings, IReadOnlySet<int> Ports, long At, int Count)? _attention;

    public StatusReport(StatusFacts facts, Func<MappingSnapshot> mappings, ListeningPorts ports, TimeProvider clock)
    {
        _facts = facts;
        _mappings = mappings;
        _ports = ports;
        _clock = clock;
        _startedAt = clock.GetTimestamp();
    }

    /// <summary>What is known of certificates; set once, before the first question.</summary>
    public CertificateStatus KnownCertificates { get; set; } = CertificateStatus.None;

    /// <summary>Whether the app at a port speaks HTTPS, as far as is known; set once, before the first question.</summary>
    public Predicate<int> SpeaksHttps { get; set; } = _ => false;

    /// <summary>
    /// What an app answered wrongly of late, in words without a quotation mark, or null; set once. Asked from any thread, and answers
    /// at once.
    /// </summary>
    public Func<Mapping, string?> KnownFaults { get; set; } = _ => null;

    /// <summary>Adds an address that hotcore listens on, by its name: http, https or control.</summary>
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
        var mappings = _mappings();
        var text = new StringBuilder();
        var uptimeSeconds = (long)_clock.GetElapsedTime(_startedAt).TotalSeconds;
        Append($"version {_facts.Version}\nmode {(_facts.IsLocal ? "local" : "server")}\nuptime {uptimeSeconds}\n");
        lock (_gate)
        {
            foreach (var (name, address) in _addresses) Append($"{name} {address}\n");
        }
        Append($"domains {mappings.Count}\nattention {CountAttention(mappings)}\n");
        Append($"data {_facts.DataFolder}\nlog {_facts.LogPath}");
        return text.ToString();

        void Append(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// One line: <c>a.com 8080 upstream up certificate valid until … renews … made 2026-11-22T08:00:00Z</c>, and
    /// <c>scheme https</c> where the app speaks that. What stands behind <c>fault</c>, between quotation marks, and what follows
    /// <c>because</c>, at its end, is text for people.
    /// </summary>
    public string Describe(Mapping mapping) => Describe(mapping, _ports.ReadNow());

    /// <summary>The same for one domain of many; whether its port answers was seen a moment ago.</summary>
    public string DescribeAmongMany(Mapping mapping) => Describe(mapping, _ports.Recent);

    private string Describe(Mapping mapping, IReadOnlySet<int> ports)
    {
        var upstream = IsUp(mapping, ports) ? "up" : "down";
        var madeAt = MappingLine.FormatTime(mapping.MadeAt);
        var certificate = KnownCertificates.Describe(mapping.Domain);
        var line = $"{mapping.Domain} {mapping.Port} upstream {upstream} certificate {certificate.State} made {madeAt}";
        if (SpeaksHttps(mapping.Port)) line += " scheme https";
        if (KnownFaults(mapping) is { } fault)
            line += $" fault \"{fault}\"";
        return certificate.Reason is null ? line : $"{line} because {certificate.Reason}";
    }

    private static bool IsUp(Mapping mapping, IReadOnlySet<int> ports) => ports.Contains(mapping.Port);

    /// <summary>
    /// Counts over all mappings, once for each state of the mappings and of the ports, and now and then for the certificates.
    /// </summary>
    private int CountAttention(MappingSnapshot mappings)
    {
        var ports = _ports.Recent;
        lock (_gate)
        {
            if (_attention is { } known && known.Mappings == mappings && known.Ports == ports
                && _clock.GetElapsedTime(known.At) < CertificatesStayTheSame)
                return known.Count;
            var count = mappings.All.Count(mapping => !IsUp(mapping, ports) || KnownCertificates.NeedsAttention(mapping.Domain));
            _attention = (mappings, ports, _clock.GetTimestamp(), count);
            return count;
        }
    }
}

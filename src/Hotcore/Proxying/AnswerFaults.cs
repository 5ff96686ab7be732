using System.Collections.Concurrent;
using Hotcore.Http;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// What was wrong with answers of apps within the last hour: tells the log, once a minute for each domain and flaw, and whoever asks
/// for the status. Any thread; only requests that failed come here, and none waits for another.
/// </summary>
/// <param name="clock">Tells how long ago a fault was.</param>
/// <param name="log">Takes a line; must not block.</param>
internal sealed class AnswerFaults(TimeProvider clock, Action<string> log)
{
    private const int MostDomains = 4096;

    // More than there are flaws to tell apart, for a port or two.
    private const int MostOfOne = 64;

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromHours(1);

    // The newest first. Arrays are replaced, never changed.
    private readonly ConcurrentDictionary<DomainName, Noted[]> _noted = new();

    /// <summary>Notes the fault, if there is one and the exchange did not end for another reason.</summary>
    public void Report(Exchange exchange, Mapping mapping, AnswerFault? fault)
    {
        if (fault is not null && !exchange.IsAbandoned)
            Report(mapping, fault);
    }

    /// <summary>Notes that the app behind a mapping answered so.</summary>
    public void Report(Mapping mapping, AnswerFault fault)
    {
        while (true)
        {
            var known = _noted.GetValueOrDefault(mapping.Domain);
            if (Array.Exists(known ?? [], one => one.IsLike(fault, mapping) && Age(one) < Quiet))
                return;
            Noted[] next = [
                new Noted(fault, mapping.Port, clock.GetTimestamp()),
                .. (known ?? []).Where(one => !one.IsLike(fault, mapping) && Age(one) < Remembered).Take(MostOfOne - 1)];
            if (known is null ? _noted.TryAdd(mapping.Domain, next) : _noted.TryUpdate(mapping.Domain, next, known))
                break;
        }

        log($"{mapping.Domain}: port {mapping.Port} {fault.Words}");
        if (_noted.Count > MostDomains)
            ForgetOldest();
    }

    /// <summary>The last fault of a mapping's port within the hour, in words, or null.</summary>
    public string? Describe(Mapping mapping)
    {
        var last = Array.Find(_noted.GetValueOrDefault(mapping.Domain) ?? [], one => one.Port == mapping.Port);
        return last is not null && Age(last) < Remembered ? $"port {last.Port} {last.Fault.Words}" : null;
    }

    private TimeSpan Age(Noted noted) => clock.GetElapsedTime(noted.At);

    /// <summary>The domain that has been well for longest makes room.</summary>
    private void ForgetOldest()
    {
        var oldest = _noted.MinBy(domain => domain.Value[0].At);
        _noted.TryRemove(oldest);
    }

    private sealed record Noted(AnswerFault Fault, int Port, long At)
    {
        public bool IsLike(AnswerFault fault, Mapping mapping) => Fault.Kind == fault.Kind && Port == mapping.Port;
    }
}

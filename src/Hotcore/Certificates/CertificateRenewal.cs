using System.Collections.Concurrent;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// Keeps a valid certificate for each domain: one job a domain, started when the domain is added, at the start for
/// what is there, when its file has changed, and by the wall clock, which is looked at every minute at least, so that neither sleep nor a clock
/// that is set does harm. Of any thread; all work is done on the thread pool.
/// </summary>
internal sealed class CertificateRenewal : ICertificateOrigin, IAsyncDisposable
{
    // Files are looked at so often that a new one is noticed within a minute. 100,000 of them take 0.35 s of one core.
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan LongestWait = BetweenLooks;
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<DomainName, DomainRenewal> _domains = [];
    private readonly ConcurrentDictionary<DomainName, Task> _brokenOff = [];
    private readonly RenewalParts _parts;
    private readonly Func<MappingSnapshot> _mappings;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _changing = new();
    private readonly Lock _asking = new();
    private readonly SemaphoreSlim _wakening = new(0);
    private Task _deciding = Task.CompletedTask;
    private long _wakesAtTicks = long.MaxValue;

    /// <param name="parts">What each domain's job works with.</param>
    /// <param name="mappings">The domains that are there at the start.</param>
    public CertificateRenewal(RenewalParts parts, Func<MappingSnapshot> mappings)
    {
        _parts = parts;
        _mappings = mappings;
    }

    /// <summary>
    /// Takes up what is mapped. The task that it returns completes when what the disk holds is published.
    /// </summary>
    public Task LoadAsync() => Task.Run(LoadAll);

    /// <summary>After <see cref="LoadAsync"/>: obtains what is missing or due, in the background, from now on.</summary>
    public void Begin() => _deciding = DecideAgainAndAgainAsync();

    /// <summary>
    /// Looks after a domain from now on or, where it <paramref name="mayBegin"/> nothing yet, from <see cref="Begin()"/> on.
    /// Returns at once; harmless to repeat.
    /// </summary>
    public void Ensure(DomainName domain, bool mayBegin = true)
    {
        lock (_changing)
        {
            if (_stopping.IsCancellationRequested) return;
            var renewal = _domains.GetOrAdd(domain, Create);
            if (mayBegin) Begin(renewal);
        }
    }

    /// <summary>Stops looking after a domain and breaks off what is under way. Its certificate stays on disk.</summary>
    public void Forget(DomainName domain)
    {
        lock (_changing)
        {
            if (!_domains.TryRemove(domain, out var renewal)) return;
            renewal.Drop();
            if (renewal.Running.IsCompleted) return;
            _brokenOff[domain] = renewal.Running;
            renewal.Running.ContinueWith(
                ended => _brokenOff.TryRemove(new(domain, ended)), TaskScheduler.Default);
        }
    }

    /// <summary>
    /// Asks for a new certificate in the place of the one that is there. Null where that is accepted, and is on disk; else why
    /// not. Blocks on the disk.
    /// </summary>
    public string? Renew(DomainName domain)
    {
        lock (_asking)
        {
            if (_stopping.IsCancellationRequested) return "hotcore gives way to another process at this moment; repeat it in a few seconds";
            if (!_domains.TryGetValue(domain, out var renewal)) return $"{domain} is not mapped; use: add {domain} <port>";
            if (renewal.TryAsk(_parts.Clock.GetUtcNow()) is { } refusal) return refusal;
            lock (_changing) Begin(renewal);
            return null;
        }
    }

    /// <inheritdoc/>
    public bool MayCome(DomainName domain) => StateOf(domain).Condition == CertificateCondition.Pending;

    public CertificateState StateOf(DomainName domain) =>
        _domains.TryGetValue(domain, out var renewal)
            ? renewal.StateAt(_parts.Clock.GetUtcNow())
            : CertificateState.None;

    /// <summary>
    /// Completes, never with an error, when the first certificate of a domain is published or has failed; at once for
    /// a domain that is not looked after.
    /// </summary>
    public Task WhenSettled(DomainName domain) =>
        _domains.TryGetValue(domain, out var renewal)
            ? renewal.Settled
            : Task.CompletedTask;

    /// <summary>Begins all that is due now. The task completes when what was begun has ended, well or not.</summary>
    /// <param name="looksAtFiles">Whether files that have changed count, which costs a look at each.</param>
    internal Task DecideAsync(bool looksAtFiles = true)
    {
        var begun = new List<Task>();
        foreach (var renewal in _domains.Values)
        {
            // Looked at before the lock is taken: Ensure must not wait for 100,000 domains.
            if (!renewal.IsDue(_parts.Clock.GetUtcNow(), looksAtFiles)) continue;
            lock (_changing) begun.Add(Begin(renewal));
        }
        return Task.WhenAll(begun);
    }

    /// <summary>Completes when all that is under way has ended, which for a domain may be a moment after it is settled.</summary>
    internal Task WhenIdle() => Task.WhenAll(_domains.Values.Select(renewal => renewal.Running));

    /// <summary>Breaks off all that is under way, and returns when it has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        // What is being asked for is on disk before another process may write there.
        lock (_asking)
            lock (_changing)
            {
                _stopping.Cancel();
                foreach (var renewal in _domains.Values) renewal.Drop();
            }
        await Task.WhenAll([_deciding, WhenIdle(), .. _brokenOff.Values]).ConfigureAwait(false);
        _stopping.Dispose();
        _wakening.Dispose();
        _parts.Authority.Dispose();
    }

    private void LoadAll()
    {
        foreach (var mapping in _mappings().All)
        {
            lock (_changing)
            {
                // It may have been removed meanwhile; what is removed later goes through Forget.
                var isMapped = _mappings().Find(mapping.Domain) is not null;
                if (isMapped && !_stopping.IsCancellationRequested) _domains.GetOrAdd(mapping.Domain, Create);
            }
        }
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(_domains.Values, options, LoadFirst);
    }

    private void LoadFirst(DomainRenewal renewal)
    {
        if (!_stopping.IsCancellationRequested) renewal.LoadFirst();
    }

    private async Task DecideAgainAndAgainAsync()
    {
        try
        {
            for (long? lookedAt = null; ;)
            {
                var looks = lookedAt is null || _parts.Clock.GetElapsedTime(lookedAt.Value) >= BetweenLooks;
                if (looks) lookedAt = _parts.Clock.GetTimestamp();
                _ = DecideAsync(looks);
                await Task.Delay(ShortestWait, _parts.Clock, _stopping.Token).ConfigureAwait(false);
                await _wakening.WaitAsync(PlanWait(), _stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // That is how it ends.
        }
    }

    /// <summary>How long until something may be due, or files are looked at again.</summary>
    private TimeSpan PlanWait()
    {
        var now = _parts.Clock.GetUtcNow();
        var next = now + LongestWait;
        // What ends from here on tells by itself when it wants to go on.
        Volatile.Write(ref _wakesAtTicks, next.UtcTicks);
        if (_parts.Authority.PauseAt(now) is not null) return LongestWait;
        foreach (var renewal in _domains.Values)
        {
            if (renewal.NextStep < next) next = renewal.NextStep;
        }
        Volatile.Write(ref _wakesAtTicks, next.UtcTicks);
        return next > now ? next - now : TimeSpan.Zero;
    }

    private void WakeInTimeFor(DomainRenewal renewal)
    {
        if (renewal.NextStep.UtcTicks < Volatile.Read(ref _wakesAtTicks)) _wakening.Release();
    }

    /// <summary>Called with the lock held, so that no two begin the same and none begins what was dropped.</summary>
    private Task Begin(DomainRenewal renewal)
    {
        if (!renewal.IsDue(_parts.Clock.GetUtcNow())) return Task.CompletedTask;
        return renewal.Begin(WakeInTimeFor);
    }

    private DomainRenewal Create(DomainName domain) =>
        new(domain, _parts, _brokenOff.GetValueOrDefault(domain, Task.CompletedTask));
}

using System.Collections.Concurrent;
using System.Collections.Immutable;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>The state of each app's port, made when it is first asked for. Any thread.</summary>
internal sealed class PortStates
{
    private readonly ConcurrentDictionary<int, PortState> _ports = [];

    public PortState Of(int number) => _ports.GetOrAdd(number, static _ => new PortState());

    /// <summary>Whether the app at that port speaks HTTPS, as far as is known.</summary>
    public bool SpeakTls(int number) => _ports.TryGetValue(number, out var port) && port.SpeaksTls;
}

/// <summary>
/// What all loops know together of one app's port: when it answered last, whether it can be relied on, and what it speaks. Any
/// thread. Written rarely, so that loops do not fight over a cache line. Times are of <see cref="Environment.TickCount64"/>.
/// </summary>
internal sealed class PortState
{
    private const long WriteIntervalMilliseconds = 1000;

    private ImmutableArray<UpstreamPort> _views = [];
    private long _lastAnswer; // Zero: never.
    private long _lastSignOfLife;
    private long _triedTlsInVainAt;
    private long _relievedAt;
    private volatile bool _hasFailed;
    private volatile bool _speaksTls;

    /// <summary>The connections that wait to be accepted there.</summary>
    public AcceptQueue Queue { get; } = new();

    /// <summary>The app speaks HTTPS, and nothing else.</summary>
    public bool SpeaksTls => _speaksTls;

    /// <summary>The app has answered, since hotcore runs.</summary>
    public bool HasEverAnswered => Volatile.Read(ref _lastAnswer) != 0;

    /// <summary>That an app said nothing to plain HTTP may mean TLS: it never answered, or another may have come since it failed.</summary>
    public bool MaySpeakTls => _speaksTls || _hasFailed || !HasEverAnswered;

    /// <summary>The app answered a request, over TLS or not: where it speaks plain HTTP again, that is noted.</summary>
    public void NoteAnswer(long nowMilliseconds, bool isTls = false)
    {
        if (!isTls && _speaksTls)
            _speaksTls = false;
        Write(ref _lastAnswer, nowMilliseconds);
        Write(ref _lastSignOfLife, nowMilliseconds);
        if (_hasFailed)
            _hasFailed = false;
    }

    /// <summary>The port accepted a connection: that is worth waiting for again, though it is no answer yet.</summary>
    public void NoteSignOfLife(long nowMilliseconds) => Write(ref _lastSignOfLife, nowMilliseconds);

    /// <summary>
    /// The port refused, or ended a connection without a byte of an answer. Where nothing listens, another program may come.
    /// </summary>
    public void NoteFailure(bool isRefused = false)
    {
        if (isRefused && Volatile.Read(ref _triedTlsInVainAt) != 0)
            Volatile.Write(ref _triedTlsInVainAt, 0);
        if (!_hasFailed)
            _hasFailed = true;
    }

    /// <summary>Whether the port answered, or accepted a connection, within the last <paramref name="milliseconds"/>.</summary>
    public bool HasShownLifeWithin(long milliseconds, long nowMilliseconds)
    {
        var last = Volatile.Read(ref _lastSignOfLife);
        return last != 0 && nowMilliseconds - last <= milliseconds;
    }

    /// <summary>
    /// Whether the port cannot be relied on: it has not answered since <paramref name="mapping"/> was made, or the last thing seen
    /// of it was a failure.
    /// </summary>
    public bool IsInDoubt(Mapping mapping, long nowMilliseconds)
    {
        if (_hasFailed || !HasEverAnswered)
            return true;
        // Both times are known to the second. Of a mapping of the future (the clock was set back) nothing can be told.
        var mappedFor = (DateTimeOffset.UtcNow - mapping.MadeAt).TotalMilliseconds;
        return mappedFor >= 0 && nowMilliseconds - Volatile.Read(ref _lastAnswer) > mappedFor + WriteIntervalMilliseconds;
    }

    /// <summary>Whether TLS may be tried with the app: not soon after it did not understand it, since that disturbs it.</summary>
    public bool MayTryTls(long nowMilliseconds)
    {
        var before = Volatile.Read(ref _triedTlsInVainAt);
        var pause = HasEverAnswered ? Timeouts.BetweenTlsTries : Timeouts.BetweenFirstTlsTries;
        return before == 0 || nowMilliseconds - before >= pause;
    }

    /// <summary>TLS was tried: the app speaks it, or does not.</summary>
    public void NoteTls(bool isSpoken, long nowMilliseconds)
    {
        if (isSpoken)
            _speaksTls = true;
        else
            Volatile.Write(ref _triedTlsInVainAt, nowMilliseconds);
    }

    /// <summary>Adds the port as one more loop sees it.</summary>
    public void Add(UpstreamPort view) => ImmutableInterlocked.Update(ref _views, static (views, one) => views.Add(one), view);

    /// <summary>
    /// That connection waits for an answer, perhaps to be accepted: has every loop close its idle connections to the port, soon.
    /// However many wait that seem to have been accepted, that happens once in a while.
    /// </summary>
    public void Relieve(long letInAt, long nowMilliseconds)
    {
        var isAccepted = Queue.IsAccepted(letInAt);
        if (!isAccepted)
            Queue.NoteStarving(letInAt);
        if (isAccepted && nowMilliseconds - Volatile.Read(ref _relievedAt) < Timeouts.BetweenDoubts)
            return;
        Volatile.Write(ref _relievedAt, nowMilliseconds);
        foreach (var view in _views)
            view.PostCloseIdle();
    }

    private static void Write(ref long time, long nowMilliseconds)
    {
        if (nowMilliseconds - Volatile.Read(ref time) >= WriteIntervalMilliseconds)
            Volatile.Write(ref time, nowMilliseconds);
    }
}

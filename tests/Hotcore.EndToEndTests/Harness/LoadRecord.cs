using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// What a load has done, kind by kind, and what of it went wrong, in which moment of the test. Told and asked from any thread.
/// </summary>
public sealed class LoadRecord
{
    private const int ShownOfEachKind = 4;

    private readonly Stopwatch _time = Stopwatch.StartNew();
    private readonly ConcurrentDictionary<string, int> _done = new();
    private readonly ConcurrentQueue<(string Kind, string What)> _failures = new();
    private volatile string _moment = "before the first upgrade";

    public int FailureCount => _failures.Count;

    /// <summary>How much of a kind was done in vain.</summary>
    public int FailuresOf(string kind) => _failures.Count(failure => failure.Kind == kind);

    /// <summary>From now on something else happens to hotcore, which failures are told with.</summary>
    public void Begin(string moment)
    {
        _moment = moment;
        TestContext.Current.TestOutputHelper?.WriteLine($"{_time.Elapsed.TotalSeconds,6:0.00} s: {moment}");
    }

    public void Count(string kind) => _done.AddOrUpdate(kind, 1, (_, count) => count + 1);

    public void Fail(string kind, Exception failure)
    {
        var reasons = new StringBuilder();
        for (var reason = failure; reason != null; reason = reason.InnerException)
            reasons.Append($"\n      {reason.GetType().Name}: {reason.Message}");
        // The journal's lines have the same clock.
        _failures.Enqueue((kind, $"{DateTime.UtcNow:HH:mm:ss.ffffff} {_moment}{reasons}"));
    }

    /// <summary>
    /// Waits until each kind of load has done more than it has now: what was going on before has met what is there now.
    /// </summary>
    /// <param name="kinds">All there are.</param>
    public async Task UntilEachGoesOn(IReadOnlyCollection<string> kinds)
    {
        var before = kinds.ToDictionary(kind => kind, Done);
        await Wait.Until(
            () => kinds.All(kind => Done(kind) > before[kind]),
            () => "each kind of load to go on; those that stand still: "
                + $"{string.Join(", ", kinds.Where(kind => Done(kind) == before[kind]))}\n{this}");
    }

    /// <summary>How much was done of each kind, and the first failures of each.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"{FailureCount} failures in {_time.Elapsed.TotalSeconds:0} s\n");
        foreach (var (kind, done) in _done.OrderBy(pair => pair.Key))
            text.Append($"  {kind}: {done} done, {FailuresOf(kind)} failed\n");
        foreach (var kind in _failures.GroupBy(failure => failure.Kind))
        {
            text.Append($"{kind.Key}, {kind.Count()} failed\n");
            foreach (var (_, what) in kind.Take(ShownOfEachKind))
                text.Append($"   {what}\n");
        }
        return text.ToString();
    }

    private int Done(string kind) => _done.GetValueOrDefault(kind);
}

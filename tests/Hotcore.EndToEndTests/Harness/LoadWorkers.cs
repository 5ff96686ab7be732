namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// All that is at work in a load at the same time, each at its own pace, until they are told to end. What fails is recorded.
/// </summary>
public sealed class LoadWorkers : IDisposable
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(5);

    private readonly HashSet<string> _kinds = [];
    private readonly List<Task> _working = [];
    private readonly CancellationTokenSource _end = new();

    public LoadRecord Record { get; } = new();

    public IReadOnlyCollection<string> Kinds => _kinds;

    public bool HasEnded => _end.IsCancellationRequested;

    /// <summary>Does something again and again, also after a failure: how many there are tells how long it lasted.</summary>
    /// <param name="kind">What it is, for the record.</param>
    /// <param name="milliseconds">The pause in between, chosen at random.</param>
    /// <param name="act">Gets a number, from 0 on.</param>
    public void Repeat(string kind, (int From, int To) milliseconds, Func<int, Task> act) => Begin(kind, async () =>
    {
        for (var number = 0; !HasEnded; number++)
        {
            if (await Try(kind, () => act(number)))
                Record.Count(kind);
            await Pause(TimeSpan.FromMilliseconds(Random.Shared.Next(milliseconds.From, milliseconds.To)));
        }
    });

    /// <summary>Does something once, which counts for itself how it goes on.</summary>
    public void Do(string kind, Func<Task> act) => Begin(kind, () => Try(kind, act));

    /// <summary>Waits, if not beyond the end.</summary>
    public async Task Pause(TimeSpan time)
    {
        if (time > TimeSpan.Zero && !HasEnded)
            await Task.Delay(time, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Completes when each has done what it does at the end.</summary>
    public async Task End()
    {
        await _end.CancelAsync();
        await Wait.For(Task.WhenAll(_working), "the end of the load", EndLimit);
    }

    public void Dispose() => _end.Dispose();

    private void Begin(string kind, Func<Task> work)
    {
        _kinds.Add(kind);
        _working.Add(Task.Run(work));
    }

    private async Task<bool> Try(string kind, Func<Task> act)
    {
        try
        {
            await act();
            return true;
        }
        catch (Exception failure)
        {
            Record.Fail(kind, failure);
            return false;
        }
    }
}

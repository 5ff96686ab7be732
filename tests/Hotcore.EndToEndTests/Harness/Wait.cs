using System.Diagnostics;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Waits for what should happen, with a limit generous enough for a busy machine and a message that says what was
/// missed.
/// </summary>
public static class Wait
{
    /// <summary>How long anything that should happen at once may take before the test gives up.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task For(Task task, string what, TimeSpan? limit = null)
    {
        try
        {
            await task.WaitAsync(limit ?? Limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"waited {(limit ?? Limit).TotalSeconds:0} s in vain for {what}");
        }
    }

    public static async Task<T> For<T>(Task<T> task, string what, TimeSpan? limit = null)
    {
        await For((Task)task, what, limit);
        return await task;
    }

    /// <summary>For states that announce themselves by no event: files, /proc, another process's port.</summary>
    public static Task Until(Func<bool> condition, string what, TimeSpan? limit = null) => Until(condition, () => what, limit);

    /// <summary>The same, where what is missed is known only then.</summary>
    public static async Task Until(Func<bool> condition, Func<string> what, TimeSpan? limit = null)
    {
        var started = Stopwatch.StartNew();
        while (!condition())
        {
            if (started.Elapsed > (limit ?? Limit))
                throw new TimeoutException($"waited {started.Elapsed.TotalSeconds:0} s in vain for {what()}");
            await Task.Delay(20);
        }
    }

    /// <summary>
    /// Waits until a count has begun and then been the same for a while: standing still announces itself by no event.
    /// </summary>
    public static async Task UntilItStandsStill(Func<long> count, TimeSpan forThatLong)
    {
        var limit = Stopwatch.StartNew();
        for (var (last, since) = (-1L, Stopwatch.StartNew()); since.Elapsed < forThatLong;)
        {
            if (limit.Elapsed > Limit)
                throw new TimeoutException($"still counting, or not yet, at {count()}");
            if (count() != last || last == 0)
            {
                last = count();
                since.Restart();
            }
            await Task.Delay(50);
        }
    }

    /// <summary>
    /// Gives something that must not happen the time to happen. The one kind of sleep here: an absence announces
    /// itself by no event.
    /// </summary>
    public static Task ToSeeThatNothingHappens() => Task.Delay(500);
}

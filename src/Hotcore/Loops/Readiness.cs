using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Hotcore.Loops;

/// <summary>How a wait on a loop ended.</summary>
internal enum WaitResult
{
    /// <summary>What was awaited is there: try the system call again.</summary>
    Ready,

    /// <summary>The time given passed first.</summary>
    TimedOut,

    /// <summary>The connection was closed on our side, or the wait was called off.</summary>
    Cancelled,
}

/// <summary>
/// Whether one direction of a connection can go on, and the one async method that waits for it. An edge that arrives while
/// nobody waits is remembered in <see cref="IsSet"/>. Belongs to one loop.
/// </summary>
internal sealed class Readiness(EventLoop loop) : Deadline
{
    private Action? _continuation;
    private WaitResult _result;

    /// <summary>The last thing the kernel said: a system call may succeed. Cleared by a call that found nothing more to do.</summary>
    public bool IsSet { get; set; } = true;

    public bool IsAwaited => _continuation is not null;

    /// <summary>
    /// Waits until the direction can go on: at once when <see cref="IsSet"/>.
    /// <paramref name="timeoutMilliseconds"/> of -1 waits for ever.
    /// </summary>
    public Awaitable WaitAsync(long timeoutMilliseconds)
    {
        Debug.Assert(_continuation is null, "One method waits for one direction.");
        _result = WaitResult.Ready;
        if (!IsSet && timeoutMilliseconds >= 0)
            loop.Timers.Set(this, loop.NowMilliseconds + timeoutMilliseconds);
        return new Awaitable(this);
    }

    /// <summary>The kernel reported an edge: continues whoever waits, inline.</summary>
    public void Signal()
    {
        IsSet = true;
        Continue(WaitResult.Ready);
    }

    /// <summary>
    /// Ends the present wait, if there is one, with <see cref="WaitResult.Cancelled"/>. The method that waits continues later
    /// in the round, not inside this call, so that whoever cancels need not fear for its own state.
    /// </summary>
    public void Cancel()
    {
        loop.Timers.Remove(this);
        if (_continuation is not { } continuation)
            return;
        _continuation = null;
        _result = WaitResult.Cancelled;
        loop.Schedule(continuation);
    }

    internal override void OnDue() => Continue(WaitResult.TimedOut);

    private void Continue(WaitResult result)
    {
        if (_continuation is not { } continuation)
            return;
        Timers.Clear(this);
        _continuation = null;
        _result = result;
        continuation();
    }

    internal readonly struct Awaitable(Readiness readiness) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => readiness.IsSet;

        public Awaitable GetAwaiter() => this;

        public WaitResult GetResult() => readiness._result;

        public void OnCompleted(Action continuation) => readiness._continuation = continuation;

        public void UnsafeOnCompleted(Action continuation) => readiness._continuation = continuation;
    }
}

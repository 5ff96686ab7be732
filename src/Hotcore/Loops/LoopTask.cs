using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Hotcore.Loops;

/// <summary>
/// What an async method on an event loop returns: it continues inline on the loop's thread, carries no execution
/// context, and takes its state from a free list of that thread, so that awaiting allocates nothing in the steady state.
/// </summary>
/// <remarks>
/// Await it exactly once, on the thread that started it; afterwards its state serves another method. Awaiting anything
/// inside that completes on another thread (a Task, say) would leave the loop: loops await only what this folder offers.
/// </remarks>
[AsyncMethodBuilder(typeof(LoopTaskMethodBuilder))]
internal readonly struct LoopTask
{
    private readonly LoopTaskState<Unit>? _state;

    internal LoopTask(LoopTaskState<Unit>? state) => _state = state;

    public Awaiter GetAwaiter() => new(_state);

    /// <summary>Lets the task run by itself: when it ends in a fault, <paramref name="onFault"/> is told, on the loop.</summary>
    public void RunDetached(Action<Exception> onFault)
    {
        if (_state is not null)
            _state.Detach(onFault);
    }

    internal readonly struct Awaiter(LoopTaskState<Unit>? state) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => state is null || state.IsCompleted;

        public void GetResult() => state?.TakeResult();

        public void OnCompleted(Action continuation) => state!.OnCompleted(continuation);

        public void UnsafeOnCompleted(Action continuation) => state!.OnCompleted(continuation);
    }
}

/// <inheritdoc cref="LoopTask"/>
[AsyncMethodBuilder(typeof(LoopTaskMethodBuilder<>))]
internal readonly struct LoopTask<T>
{
    private readonly LoopTaskState<T>? _state;
    private readonly T _result;

    /// <summary>A task that is complete already.</summary>
    public LoopTask(T result)
    {
        _state = null;
        _result = result;
    }

    internal LoopTask(LoopTaskState<T> state)
    {
        _state = state;
        _result = default!;
    }

    /// <summary>Awaiting it would not wait. To be asked before it is awaited only.</summary>
    public bool IsCompleted => _state is null || _state.IsCompleted;

    public Awaiter GetAwaiter() => new(_state, _result);

    internal readonly struct Awaiter(LoopTaskState<T>? state, T result) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => state is null || state.IsCompleted;

        public T GetResult() => state is null ? result : state.TakeResult();

        public void OnCompleted(Action continuation) => state!.OnCompleted(continuation);

        public void UnsafeOnCompleted(Action continuation) => state!.OnCompleted(continuation);
    }
}

/// <summary>The result of a <see cref="LoopTask"/> that has none.</summary>
internal readonly struct Unit;

/// <summary>Holds the outcome of one async method, and who awaits it.</summary>
internal abstract class LoopTaskState<T>
{
    private Action? _continuation;
    private Action<Exception>? _onFault;
    private ExceptionDispatchInfo? _fault;
    private T _result = default!;

    public bool IsCompleted { get; private set; }

    public void OnCompleted(Action continuation)
    {
        Debug.Assert(_continuation is null, "A LoopTask is awaited once.");
        _continuation = continuation;
    }

    /// <summary>Nobody awaits it: <paramref name="onFault"/> is told when it ends, or has ended, in a fault.</summary>
    public void Detach(Action<Exception> onFault)
    {
        _onFault = onFault;
        if (IsCompleted)
            EndDetached();
    }

    public void SetResult(T result)
    {
        _result = result;
        Complete();
    }

    public void SetException(Exception fault)
    {
        _fault = ExceptionDispatchInfo.Capture(fault);
        Complete();
    }

    /// <summary>Hands the outcome to the one awaiter, and this object back to the free list it came from.</summary>
    public T TakeResult()
    {
        Debug.Assert(IsCompleted, "A LoopTask's result is taken after it completed.");
        var (result, fault) = (_result, _fault);
        (_result, _fault, _continuation, IsCompleted) = (default!, null, null, false);
        ReturnToFreeList();
        fault?.Throw();
        return result;
    }

    protected abstract void ReturnToFreeList();

    private void Complete()
    {
        IsCompleted = true;
        if (_onFault is not null)
            EndDetached();
        else
            _continuation?.Invoke();
    }

    private void EndDetached()
    {
        var (fault, onFault) = (_fault, _onFault!);
        (_result, _fault, _onFault, IsCompleted) = (default!, null, null, false);
        ReturnToFreeList();
        if (fault is not null)
            onFault(fault.SourceException);
    }
}

/// <summary>
/// One suspended async method: the compiler's state machine, the delegate that resumes it, and its outcome. Free ones
/// wait in a list of their thread; <see cref="MostFree"/> bounds what a burst leaves behind.
/// </summary>
internal sealed class LoopTaskState<T, TStateMachine> : LoopTaskState<T>
    where TStateMachine : IAsyncStateMachine
{
    private const int MostFree = 4096;

    [ThreadStatic]
    private static LoopTaskState<T, TStateMachine>? _free;

    private TStateMachine _machine = default!;
    private LoopTaskState<T, TStateMachine>? _nextFree;

    // How many stand in the list behind this one; kept here because a thread's own static field is slow to reach.
    private int _freeBehind;

    private LoopTaskState() => Resume = () => _machine.MoveNext();

    public Action Resume { get; }

    public ref TStateMachine Machine => ref _machine;

    public static LoopTaskState<T, TStateMachine> Rent()
    {
        if (_free is not { } state)
            return new LoopTaskState<T, TStateMachine>();
        _free = state._nextFree;
        state._nextFree = null;
        return state;
    }

    protected override void ReturnToFreeList()
    {
        _machine = default!;
        var first = _free;
        _freeBehind = first is null ? 0 : first._freeBehind + 1;
        if (_freeBehind >= MostFree)
            return;
        _nextFree = first;
        _free = this;
    }
}

/// <summary>What the compiler calls to build a <see cref="LoopTask{T}"/>; it lives inside the state machine.</summary>
internal struct LoopTaskMethodBuilder<T>
{
    private LoopTaskState<T>? _state;
    private T _result;

    public readonly LoopTask<T> Task => _state is null ? new LoopTask<T>(_result) : new LoopTask<T>(_state);

    internal readonly LoopTaskState<T>? State => _state;

    public static LoopTaskMethodBuilder<T> Create() => default;

    public readonly void Start<TStateMachine>(ref TStateMachine machine)
        where TStateMachine : IAsyncStateMachine => machine.MoveNext();

    public readonly void SetStateMachine(IAsyncStateMachine machine) =>
        throw new NotSupportedException("The state machine is held by value; nobody boxes it.");

    public void SetResult(T result)
    {
        if (_state is null)
            _result = result;
        else
            _state.SetResult(result);
    }

    public void SetException(Exception fault)
    {
        // Faulted before it ever waited: the awaiter still has to learn of it.
        _state ??= LoopTaskState<T, CompletedMachine>.Rent();
        _state.SetException(fault);
    }

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.OnCompleted(Suspend(ref machine));

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Suspend(ref machine));

    private Action Suspend<TStateMachine>(ref TStateMachine machine)
        where TStateMachine : IAsyncStateMachine
    {
        if (_state is not null)
            return ((LoopTaskState<T, TStateMachine>)_state).Resume;
        var state = LoopTaskState<T, TStateMachine>.Rent();
        _state = state; // Before the copy: the builder is part of the machine that is copied.
        state.Machine = machine;
        return state.Resume;
    }

    private struct CompletedMachine : IAsyncStateMachine
    {
        public readonly void MoveNext()
        {
        }

        public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
        {
        }
    }
}

/// <summary>What the compiler calls to build a <see cref="LoopTask"/>.</summary>
internal struct LoopTaskMethodBuilder
{
    private LoopTaskMethodBuilder<Unit> _builder;

    public readonly LoopTask Task => new(_builder.State);

    public static LoopTaskMethodBuilder Create() => default;

    public readonly void Start<TStateMachine>(ref TStateMachine machine)
        where TStateMachine : IAsyncStateMachine => machine.MoveNext();

    public readonly void SetStateMachine(IAsyncStateMachine machine) => _builder.SetStateMachine(machine);

    public void SetResult() => _builder.SetResult(default);

    public void SetException(Exception fault) => _builder.SetException(fault);

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => _builder.AwaitOnCompleted(ref awaiter, ref machine);

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine machine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => _builder.AwaitUnsafeOnCompleted(ref awaiter, ref machine);
}

using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Hotcore.Loops;

/// <summary>A descriptor on a loop, and what to do when the kernel reports on it.</summary>
internal abstract class Registration
{
    /// <summary>Where the loop keeps it; -1 when it is not registered.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>Called on the loop with the EPOLL* bits. What it throws costs this registration alone: see <see cref="OnFault"/>.</summary>
    internal abstract void OnEvents(uint events);

    /// <summary>
    /// Called with the same bits before anybody acts on any event of the round, so that whoever acts first knows the whole
    /// round's news. Must only take note.
    /// </summary>
    internal virtual void Note(uint events)
    {
    }

    /// <summary>Called on the loop when <see cref="OnEvents"/> threw.</summary>
    internal abstract void OnFault(Exception fault);
}

/// <summary>
/// One thread that owns an epoll instance and everything that lives on it: connections, buffers, timers. All members are
/// for that thread alone, except <see cref="Post"/> and <see cref="Stop"/>.
/// </summary>
/// <remarks>
/// A round takes the events that are there, then the deadlines that passed, then what was scheduled and posted. Nothing in
/// a round may block. A fault in one registration closes that registration; the loop itself never ends by a fault.
/// </remarks>
internal sealed class EventLoop : Registration, IDisposable
{
    private const int EventsPerRound = 256;

    private readonly int _epoll;
    private readonly SafeFileHandle _wakeUp;
    private readonly EpollEvents _events = new(EventsPerRound);
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly Action<string> _report;
    private Registration?[] _slots = new Registration?[64];
    private uint[] _generations = new uint[64];
    private readonly Stack<int> _freeSlots = new();
    private int _usedSlots;
    private Queue<Action> _scheduled = new();
    private Queue<Action> _scheduledNext = new();
    private int _hasPosted;
    private volatile bool _isStopping;

    /// <summary>Makes the loop; <see cref="Run"/> runs it. <paramref name="report"/> is told of faults and must not block.</summary>
    /// <exception cref="IOException">The kernel has no epoll instance or eventfd to give.</exception>
    public EventLoop(Action<string> report)
    {
        _report = report;
        NowMilliseconds = Environment.TickCount64;
        Report = fault => _report($"a connection was closed by a fault in hotcore: {fault}");
        Timers = new Timers(NowMilliseconds, Report);
        _epoll = Check(Libc.epoll_create1(Libc.EPOLL_CLOEXEC), "epoll_create1");
        _wakeUp = new SafeFileHandle(Check(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK), "eventfd"), ownsHandle: true);
        Register(this, WakeUpDescriptor, Libc.EPOLLIN | Libc.EPOLLET);
    }

    private int WakeUpDescriptor => (int)_wakeUp.DangerousGetHandle();

    /// <summary>The loop's clock, read once a round; the same zero as <see cref="Environment.TickCount64"/>.</summary>
    public long NowMilliseconds { get; private set; }

    public Timers Timers { get; }

    /// <summary>Tells of a fault that cost something less than the loop. One delegate, for all who hand it on.</summary>
    public Action<Exception> Report { get; }

    /// <summary>Counts how often the kernel was asked for events; wraps around.</summary>
    public uint Round { get; private set; }

    public BufferPool Buffers { get; } = new();

    /// <summary>The body of the loop's thread; returns after <see cref="Stop"/>.</summary>
    public void Run()
    {
        while (!_isStopping)
        {
            DispatchEvents(TakeEvents());
            Timers.Advance(NowMilliseconds);
            RunScheduled();
            RunPosted();
        }
    }

    /// <summary>Any thread: has <paramref name="action"/> run on the loop, soon, in the order of posting.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        if (Interlocked.Exchange(ref _hasPosted, 1) == 0)
            WakeUp();
    }

    /// <summary>Any thread: ends <see cref="Run"/> after the present round.</summary>
    public void Stop() => Post(() => _isStopping = true);

    /// <summary>Runs <paramref name="continuation"/> later in this round or in the next, after other connections had their turn.</summary>
    public void Schedule(Action continuation) => _scheduledNext.Enqueue(continuation);

    /// <summary>Lets the other connections of this loop go first: for whoever has had its share of a round.</summary>
    public YieldAwaitable YieldAsync() => new(this);

    /// <summary>Has the loop watch <paramref name="fd"/>, which stays the caller's; <see cref="Unregister"/> before closing it.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public unsafe void Register(Registration registration, int fd, uint events)
    {
        var slot = TakeSlot();
        var memory = stackalloc byte[16];
        EpollEvents.Write(memory, events, (ulong)_generations[slot] << 32 | (uint)slot);
        if (Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_ADD, fd, memory) < 0)
        {
            var error = Libc.LastError;
            _freeSlots.Push(slot);
            throw new IOException($"epoll_ctl: {Libc.Describe(error)}");
        }

        _slots[slot] = registration;
        registration.Slot = slot;
    }

    /// <summary>Ends the watch. Events of this round that were meant for it are dropped. Safe to repeat.</summary>
    public unsafe void Unregister(Registration registration, int fd)
    {
        if (registration.Slot < 0)
            return;
        var memory = stackalloc byte[16];
        _ = Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_DEL, fd, memory); // The only failure left is "not registered".
        _slots[registration.Slot] = null;
        _generations[registration.Slot]++;
        _freeSlots.Push(registration.Slot);
        registration.Slot = -1;
    }

    public void Dispose()
    {
        Unregister(this, WakeUpDescriptor);
        _wakeUp.Dispose();
        _ = Libc.close(_epoll);
        _events.Dispose();
    }

    internal unsafe override void OnEvents(uint events)
    {
        ulong count;
        _ = Libc.read(WakeUpDescriptor, &count, sizeof(ulong)); // Resets it; whether it had counted does not matter.
    }

    internal override void OnFault(Exception fault) => Report(fault);

    private static int Check(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call}: {Libc.Describe(Libc.LastError)}");

    private unsafe int TakeEvents()
    {
        var mayWait = _scheduledNext.Count == 0 && _posted.IsEmpty;
        var timeout = mayWait ? Timers.MillisecondsUntilNextVisit(Environment.TickCount64) : 0;
        var count = Libc.epoll_wait(_epoll, _events.Pointer, EventsPerRound, timeout);
        NowMilliseconds = Environment.TickCount64;
        return count;
    }

    private void DispatchEvents(int count)
    {
        Round++;
        for (var i = 0; i < count; i++)
            Find(_events.Data(i))?.Note(_events.Events(i));
        for (var i = 0; i < count; i++)
        {
            if (Find(_events.Data(i)) is not { } registration)
                continue; // Closed earlier in this round.
            try
            {
                registration.OnEvents(_events.Events(i));
            }
            catch (Exception fault)
            {
                Report(fault);
                registration.OnFault(fault);
            }
        }
    }

    private Registration? Find(ulong data)
    {
        var slot = (int)(uint)data;
        return _generations[slot] == (uint)(data >> 32) ? _slots[slot] : null;
    }

    private void RunScheduled()
    {
        if (_scheduledNext.Count == 0)
            return;
        (_scheduled, _scheduledNext) = (_scheduledNext, _scheduled);
        while (_scheduled.TryDequeue(out var continuation))
            RunGuarded(continuation);
    }

    private void RunPosted()
    {
        if (Volatile.Read(ref _hasPosted) == 0)
            return;
        Interlocked.Exchange(ref _hasPosted, 0);
        while (_posted.TryDequeue(out var action))
            RunGuarded(action);
    }

    private void RunGuarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception fault)
        {
            Report(fault);
        }
    }

    private unsafe void WakeUp()
    {
        // Held for as long as the call takes: by the time the loop is disposed of, the number may be somebody else's.
        var isHeld = false;
        try
        {
            _wakeUp.DangerousAddRef(ref isHeld);
            ulong one = 1;
            _ = Libc.write(WakeUpDescriptor, &one, sizeof(ulong)); // Fails only when the counter is full, and then it is awake.
        }
        catch (ObjectDisposedException)
        {
            // The loop has ended; nobody is there to be woken.
        }
        finally
        {
            if (isHeld)
                _wakeUp.DangerousRelease();
        }
    }

    private int TakeSlot()
    {
        if (_freeSlots.TryPop(out var free))
            return free;
        if (_usedSlots == _slots.Length)
        {
            Array.Resize(ref _slots, _usedSlots * 2);
            Array.Resize(ref _generations, _usedSlots * 2);
        }

        return _usedSlots++;
    }

    internal readonly struct YieldAwaitable(EventLoop loop) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public YieldAwaitable GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => loop.Schedule(continuation);

        public void UnsafeOnCompleted(Action continuation) => loop.Schedule(continuation);
    }
}

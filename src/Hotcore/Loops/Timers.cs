using System.Numerics;

namespace Hotcore.Loops;

/// <summary>
/// Something that wants to be told when a moment has passed. A member of the object it serves (by inheritance, so that a
/// connection's waits cost no object more), and of one loop's <see cref="Timers"/>.
/// </summary>
internal abstract class Deadline
{
    internal const long Never = long.MaxValue;

    /// <summary>The moment, in milliseconds of the loop's clock; <see cref="Never"/> when nothing is awaited.</summary>
    internal long DueAt { get; set; } = Never;

    /// <summary>The slot of the wheel it stands in, or -1.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>When that slot is visited.</summary>
    internal long VisitedAt { get; set; }

    internal Deadline? Next { get; set; }

    internal Deadline? Previous { get; set; }

    /// <summary>Called on the loop, once, some tenths of a second at most after the moment.</summary>
    internal abstract void OnDue();
}

/// <summary>
/// The deadlines of one loop in a hashed wheel. Setting, moving and clearing a deadline are nearly always one write:
/// an entry whose moment moved later stays where it is and is moved when its slot is visited. So a timeout costs nothing
/// for each request, only a visit now and then.
/// </summary>
/// <remarks>
/// Belongs to one loop; deadlines are kept to <see cref="TickMilliseconds"/>, which is fine for timeouts. What a deadline
/// throws goes to <c>onFault</c>, and the others get their turn.
/// </remarks>
internal sealed class Timers(long nowMilliseconds, Action<Exception> onFault)
{
    public const int TickMilliseconds = 64;
    private const int Slots = 1024;

    private readonly Deadline?[] _wheel = new Deadline?[Slots];
    private readonly ulong[] _occupied = new ulong[Slots / 64];
    private long _tick = nowMilliseconds / TickMilliseconds;

    /// <summary>How many entries stand in the wheel, cleared ones that were not visited yet among them.</summary>
    public int Count { get; private set; }

    /// <summary>Sets or moves the deadline to <paramref name="dueAt"/> milliseconds of the loop's clock.</summary>
    public void Set(Deadline deadline, long dueAt)
    {
        deadline.DueAt = dueAt;
        if (deadline.Slot >= 0)
        {
            if (deadline.VisitedAt <= dueAt)
                return;
            TakeOut(deadline);
        }

        Insert(deadline);
    }

    /// <summary>Nothing is awaited any more; the entry leaves the wheel when its slot is visited.</summary>
    public static void Clear(Deadline deadline) => deadline.DueAt = Deadline.Never;

    /// <summary>Clears the deadline and takes it out of the wheel at once, so that the wheel keeps nothing alive.</summary>
    public void Remove(Deadline deadline)
    {
        Clear(deadline);
        if (deadline.Slot >= 0)
            TakeOut(deadline);
    }

    /// <summary>Calls what is due. What is called may set and remove deadlines, its own too.</summary>
    public void Advance(long nowMilliseconds)
    {
        var target = nowMilliseconds / TickMilliseconds;
        if (Count == 0 || target - _tick > Slots)
            _tick = Math.Max(_tick, Count == 0 ? target : target - Slots);
        while (_tick < target)
            Visit((int)(++_tick % Slots), nowMilliseconds);
    }

    /// <summary>How long the loop may sleep: milliseconds until the next slot that holds anything, or -1 for ever.</summary>
    public int MillisecondsUntilNextVisit(long nowMilliseconds)
    {
        if (Count == 0)
            return -1;
        var start = (int)((_tick + 1) % Slots);
        var distance = DistanceToOccupied(start);
        var visitedAt = (_tick + 1 + distance) * TickMilliseconds;
        return (int)Math.Clamp(visitedAt - nowMilliseconds, 0, int.MaxValue);
    }

    private int DistanceToOccupied(int start)
    {
        for (var step = 0; step <= _occupied.Length; step++)
        {
            var word = ((start >> 6) + step) % _occupied.Length;
            var bits = _occupied[word];
            if (step == 0)
                bits &= ulong.MaxValue << (start & 63);
            if (bits != 0)
                return ((word << 6) + BitOperations.TrailingZeroCount(bits) - start + Slots) % Slots;
        }

        return 0;
    }

    private void Insert(Deadline deadline)
    {
        // Rounded up, so that the moment has passed when the slot is visited; never the slot being visited now.
        var tick = Math.Clamp((deadline.DueAt + TickMilliseconds - 1) / TickMilliseconds, _tick + 1, _tick + Slots - 1);
        var slot = (int)(tick % Slots);
        deadline.Slot = slot;
        deadline.VisitedAt = tick * TickMilliseconds;
        deadline.Next = _wheel[slot];
        if (deadline.Next is { } next)
            next.Previous = deadline;
        _wheel[slot] = deadline;
        _occupied[slot >> 6] |= 1UL << (slot & 63);
        Count++;
    }

    private void TakeOut(Deadline deadline)
    {
        if (deadline.Previous is { } previous)
            previous.Next = deadline.Next;
        else
            _wheel[deadline.Slot] = deadline.Next;
        if (deadline.Next is { } next)
            next.Previous = deadline.Previous;
        if (_wheel[deadline.Slot] is null)
            _occupied[deadline.Slot >> 6] &= ~(1UL << (deadline.Slot & 63));
        (deadline.Next, deadline.Previous, deadline.Slot) = (null, null, -1);
        Count--;
    }

    private void Visit(int slot, long nowMilliseconds)
    {
        while (_wheel[slot] is { } deadline)
        {
            TakeOut(deadline);
            if (deadline.DueAt == Deadline.Never)
                continue;
            if (deadline.DueAt > nowMilliseconds)
            {
                Insert(deadline);
                continue;
            }

            deadline.DueAt = Deadline.Never;
            try
            {
                deadline.OnDue();
            }
            catch (Exception fault)
            {
                onFault(fault);
            }
        }
    }
}

namespace Hotcore.Loops;

/// <summary>
/// Byte buffers of one loop, pinned so that system calls need no pinning of their own. Whoever rents a buffer owns it until
/// it is returned, exactly once, on the same loop. Free buffers beyond a bound are left to the garbage collector, so that a
/// burst does not hold its memory for ever.
/// </summary>
internal sealed class BufferPool
{
    /// <summary>Heads and small messages.</summary>
    public const int SmallBytes = 16 * 1024;

    /// <summary>The largest head there may be, and bodies in bulk.</summary>
    public const int LargeBytes = 64 * 1024;

    private const int MostFreeSmall = 512;
    private const int MostFreeLarge = 32;

    private readonly Stack<byte[]> _small = new(MostFreeSmall);
    private readonly Stack<byte[]> _large = new(MostFreeLarge);
    private long _letGoBytes;

    /// <summary>How many buffers are out at the moment.</summary>
    public int RentedCount { get; private set; }

    public byte[] RentSmall() => Rent(_small, SmallBytes);

    public byte[] RentLarge() => Rent(_large, LargeBytes);

    /// <summary>A buffer that begins with a copy of <paramref name="bytes"/>, of which there are <see cref="LargeBytes"/> at most.</summary>
    public byte[] RentCopy(ReadOnlySpan<byte> bytes)
    {
        var buffer = bytes.Length <= SmallBytes ? RentSmall() : RentLarge();
        bytes.CopyTo(buffer);
        return buffer;
    }

    public void Return(byte[] buffer)
    {
        RentedCount--;
        if (buffer.Length == SmallBytes)
            Keep(_small, buffer, MostFreeSmall);
        else if (buffer.Length == LargeBytes)
            Keep(_large, buffer, MostFreeLarge);
        else
            throw new ArgumentException($"A buffer of {buffer.Length} bytes was never rented here.", nameof(buffer));
    }

    /// <summary>Any thread: how many bytes were left to the garbage collector so far, here and by <see cref="CountLetGo"/>.</summary>
    public long LetGoBytes => Volatile.Read(ref _letGoBytes);

    /// <summary>Counts what another pool of the same loop let go of.</summary>
    public void CountLetGo(int bytes) => Volatile.Write(ref _letGoBytes, _letGoBytes + bytes);

    private void Keep(Stack<byte[]> free, byte[] buffer, int most)
    {
        if (free.Count < most)
            free.Push(buffer);
        else
            CountLetGo(buffer.Length);
    }

    private byte[] Rent(Stack<byte[]> free, int bytes)
    {
        RentedCount++;
        return free.TryPop(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
    }
}

namespace Hotcore.Proxying;

/// <summary>
/// When each port last answered, known to all loops: a port that answered lately is worth waiting for. Written at most once a
/// second for each port, so that loops do not fight over a cache line.
/// </summary>
internal sealed class PortActivity
{
    private const long WriteIntervalMilliseconds = 1000;

    // Zero: never. Pages that are never touched take no memory.
    private readonly long[] _lastAnswers = new long[65536];

    /// <summary>Any thread: the port answered at <paramref name="nowMilliseconds"/> of <see cref="Environment.TickCount64"/>.</summary>
    public void Answered(int port, long nowMilliseconds)
    {
        if (nowMilliseconds - Volatile.Read(ref _lastAnswers[port]) >= WriteIntervalMilliseconds)
            Volatile.Write(ref _lastAnswers[port], nowMilliseconds);
    }

    /// <summary>Any thread: whether the port answered within the last <paramref name="milliseconds"/>.</summary>
    public bool HasAnsweredWithin(int port, long milliseconds, long nowMilliseconds)
    {
        var last = Volatile.Read(ref _lastAnswers[port]);
        return last != 0 && nowMilliseconds - last <= milliseconds;
    }
}

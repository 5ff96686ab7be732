namespace Hotcore.Proxying;

/// <summary>
/// Gives memory back after a burst. Loops that allocate nothing never cause a collection, so what a burst needed and its pools
/// let go of would stay with the process for ever; this looks now and then, and has it collected. Owns a timer.
/// </summary>
internal sealed class MemoryReturn : IDisposable
{
    private const long WorthCollectingBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private readonly Func<long> _readLetGoBytes;
    private readonly Timer _timer;
    private long _collectedBytes;

    /// <summary><paramref name="readLetGoBytes"/> is a sum that only grows, read on the thread pool.</summary>
    public MemoryReturn(Func<long> readLetGoBytes)
    {
        _readLetGoBytes = readLetGoBytes;
        _timer = new Timer(_ => Look(), null, Interval, Interval);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var letGo = _readLetGoBytes();
        if (letGo - _collectedBytes < WorthCollectingBytes)
            return;
        _collectedBytes = letGo;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}

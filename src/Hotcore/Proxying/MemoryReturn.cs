using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// Gives memory back after a burst. Loops that allocate nothing never cause a collection, and the C library keeps what OpenSSL
/// has freed: so what a burst needed would stay with the process for ever. This looks now and then, and has it returned. Owns
/// a timer.
/// </summary>
internal sealed class MemoryReturn : IDisposable
{
    private const long WorthCollectingBytes = 4 * 1024 * 1024;

    // 6,000 handshakes that were begun at once leave 250 MB behind, and returning them takes 47 ms, once. What keeps less than
    // this will be wanted again.
    private const long WorthTrimmingBytes = 32 * 1024 * 1024;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private readonly Func<long> _readLetGoBytes;
    private readonly Timer _timer;
    private long _collectedBytes;
    private long _leastBytes = Environment.WorkingSet;
    private long _returnedBytes;

    /// <summary><paramref name="readLetGoBytes"/> is a sum that only grows, read on the thread pool.</summary>
    public MemoryReturn(Func<long> readLetGoBytes)
    {
        _readLetGoBytes = readLetGoBytes;
        _timer = new Timer(_ => Look(), null, Interval, Interval);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        CollectWhatPoolsLetGo();
        TrimWhatOpenSslFreed();
    }

    private void CollectWhatPoolsLetGo()
    {
        var letGo = _readLetGoBytes();
        if (letGo - _collectedBytes < WorthCollectingBytes)
            return;
        _collectedBytes = letGo;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    /// <summary>
    /// When much more is free than had been returned, or when the process has grown by much since it was smallest and that much
    /// is free: what is free may have been returned before, and growth alone may be in use.
    /// </summary>
    private void TrimWhatOpenSslFreed()
    {
        var freeBytes = NativeHeap.FreeBytes;
        _leastBytes = Math.Min(_leastBytes, Environment.WorkingSet);
        _returnedBytes = Math.Min(_returnedBytes, freeBytes);
        var hasGrown = Environment.WorkingSet - _leastBytes >= WorthTrimmingBytes && freeBytes >= WorthTrimmingBytes;
        if (!hasGrown && freeBytes - _returnedBytes < WorthTrimmingBytes)
            return;
        NativeHeap.ReturnFreePages();
        (_leastBytes, _returnedBytes) = (Environment.WorkingSet, NativeHeap.FreeBytes);
    }
}

namespace Hotcore.Proxying;

/// <summary>
/// How many clients there may be at once, so that descriptors are left for the connections to the apps. Most clients are idle
/// most of the time, and idle ones are closed when it comes to the worst, so a quarter is enough. Any thread.
/// </summary>
internal sealed class ClientBudget(long descriptorLimit)
{
    /// <summary>For listeners, files, the runtime's own, and what waits to be closed.</summary>
    private const int Reserve = 64;

    private int _clients;

    public int Most { get; } = (int)Math.Clamp((descriptorLimit - Reserve) * 3 / 4, 8, int.MaxValue);

    /// <summary>Counts one more client; false when there are as many as there may be.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _clients) <= Most)
            return true;
        Interlocked.Decrement(ref _clients);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _clients);
}

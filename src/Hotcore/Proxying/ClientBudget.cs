namespace Hotcore.Proxying;

/// <summary>
/// How many clients there may be at once, so that each can have its upstream connection: running out of descriptors must
/// never hit a request that was accepted. Any thread.
/// </summary>
internal sealed class ClientBudget(long descriptorLimit)
{
    /// <summary>For listeners, files, the runtime's own, and what waits to be closed.</summary>
    private const int Reserve = 64;

    private int _clients;

    public int Most { get; } = (int)Math.Clamp((descriptorLimit - Reserve) / 2, 8, int.MaxValue);

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

using System.Security.Cryptography;

namespace Hotcore.Tls;

/// <summary>
/// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): the newest encrypts, the ones before it still decrypt for a while,
/// all live in memory only. Rotated so that a key that leaks one day opens no session of long before. Immutable snapshots; of
/// any thread.
/// </summary>
internal sealed class TicketKeys(TimeProvider clock)
{
    public const int NameBytes = 16;
    private const int Kept = 3;
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly Lock _rotation = new();
    private volatile Key[] _keys = [Key.Create(clock.GetTimestamp())];

    /// <summary>The key that new tickets are encrypted with, made anew when its time is over.</summary>
    public Key Newest
    {
        get
        {
            var newest = _keys[0];
            return clock.GetElapsedTime(newest.MadeAt) < Lifetime ? newest : Rotate(newest);
        }
    }

    /// <summary>Finds a key by the name in a ticket; <paramref name="isNewest"/> tells whether the ticket may stay in use.</summary>
    public Key? Find(ReadOnlySpan<byte> name, out bool isNewest)
    {
        var keys = _keys;
        for (var i = 0; i < keys.Length; i++)
        {
            if (!name.SequenceEqual(keys[i].Name) || clock.GetElapsedTime(keys[i].MadeAt) > Lifetime * Kept)
                continue;
            isNewest = i == 0;
            return keys[i];
        }

        isNewest = false;
        return null;
    }

    // Twice a day at most, and a few microseconds long: a lock on a loop's way, but not in a request's.
    private Key Rotate(Key spent)
    {
        lock (_rotation)
        {
            if (_keys[0] == spent)
                _keys = [Key.Create(clock.GetTimestamp()), .. _keys.Take(Kept - 1)];
            return _keys[0];
        }
    }

    internal sealed record Key(long MadeAt, byte[] Name, byte[] Cipher, byte[] Mac)
    {
        public static Key Create(long madeAt) => new(
            madeAt, RandomNumberGenerator.GetBytes(NameBytes), RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32));
    }
}

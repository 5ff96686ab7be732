using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;

namespace Hotcore.Tls;

/// <summary>
/// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): the newest encrypts, the ones before it still decrypt for a while,
/// all live in memory only, and pass from one process to the next. Rotated so that a key that leaks one day opens no session of
/// long before. Immutable snapshots; of any thread.
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

    /// <summary>The keys, newest first, as text, for a process that comes after this one on the same machine.</summary>
    public IReadOnlyList<string> Write() => [.. _keys.Select(key => key.Write())];

    /// <summary>Goes on with the keys of the process before; where there are none that can be read, with its own.</summary>
    public void Continue(IEnumerable<string> written)
    {
        Key[] keys = [.. written.Select(Key.TryRead).OfType<Key>().Take(Kept)];
        if (keys.Length > 0)
            _keys = keys;
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

    /// <param name="MadeAt">By the clock's timestamps, which are the machine's, and the same for all its processes.</param>
    /// <param name="Name">Tells in a ticket which key it is.</param>
    /// <param name="Cipher">Of AES-256.</param>
    /// <param name="Mac">Of HMAC-SHA-256.</param>
    internal sealed record Key(long MadeAt, byte[] Name, byte[] Cipher, byte[] Mac)
    {
        private const int SecretBytes = 32;

        public static Key Create(long madeAt) => new(
            madeAt, RandomNumberGenerator.GetBytes(NameBytes), RandomNumberGenerator.GetBytes(SecretBytes),
            RandomNumberGenerator.GetBytes(SecretBytes));

        public string Write() => $"{MadeAt} {Convert.ToHexString(Name)} {Convert.ToHexString(Cipher)} {Convert.ToHexString(Mac)}";

        public static Key? TryRead(string text)
        {
            var words = text.Split(' ');
            if (words.Length != 4 || !long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var madeAt))
                return null;
            Span<byte> name = stackalloc byte[NameBytes], cipher = stackalloc byte[SecretBytes], mac = stackalloc byte[SecretBytes];
            return Fill(words[1], name) && Fill(words[2], cipher) && Fill(words[3], mac)
                ? new Key(madeAt, name.ToArray(), cipher.ToArray(), mac.ToArray())
                : null;
        }

        private static bool Fill(string hexadecimal, Span<byte> bytes) =>
            hexadecimal.Length == 2 * bytes.Length
            && Convert.FromHexString(hexadecimal, bytes, out _, out _) == OperationStatus.Done;
    }
}

using System.Buffers.Binary;
using System.Numerics;

namespace Hotcore.Mappings;

/// <summary>
/// SipHash-1-3 with a key drawn at the start of the process: whoever chooses the names that are mapped or asked for
/// cannot choose ones that collide.
/// </summary>
internal static class DomainHash
{
    private static readonly (ulong First, ulong Second) Key = DrawKey();

    /// <summary>The hash of a name in lower case. Never allocates.</summary>
    public static uint Compute(ReadOnlySpan<byte> name)
    {
        ulong v0 = Key.First ^ 0x736f6d6570736575, v1 = Key.Second ^ 0x646f72616e646f6d;
        ulong v2 = Key.First ^ 0x6c7967656e657261, v3 = Key.Second ^ 0x7465646279746573;
        var last = (ulong)name.Length << 56;
        while (name.Length >= sizeof(ulong))
        {
            Absorb(BinaryPrimitives.ReadUInt64LittleEndian(name), ref v0, ref v1, ref v2, ref v3);
            name = name[sizeof(ulong)..];
        }
        for (var i = 0; i < name.Length; i++) last |= (ulong)name[i] << (8 * i);
        Absorb(last, ref v0, ref v1, ref v2, ref v3);
        v2 ^= 0xff;
        for (var round = 0; round < 3; round++) Mix(ref v0, ref v1, ref v2, ref v3);
        var hash = v0 ^ v1 ^ v2 ^ v3;
        return (uint)(hash ^ (hash >> 32));
    }

    private static void Absorb(ulong word, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v3 ^= word;
        Mix(ref v0, ref v1, ref v2, ref v3);
        v0 ^= word;
    }

    private static void Mix(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }

    /// <summary>
    /// From the kernel: .NET's RandomNumberGenerator is OpenSSL's, and ends the process on a machine that has none, where
    /// plain HTTP is to be served all the same.
    /// </summary>
    private static (ulong First, ulong Second) DrawKey()
    {
        Span<byte> key = stackalloc byte[2 * sizeof(ulong)];
        using var kernel = File.OpenRead("/dev/urandom");
        kernel.ReadExactly(key);
        return (BinaryPrimitives.ReadUInt64LittleEndian(key), BinaryPrimitives.ReadUInt64LittleEndian(key[sizeof(ulong)..]));
    }
}

using System.Text;

namespace Hotcore.Http;

/// <summary>Bytes as they stand on the wire, written as text of one byte a character; and ways to hand them over piece by piece.</summary>
internal static class Wire
{
    public const string TokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    public static byte[] Concat(params byte[][] parts) => [.. parts.SelectMany(p => p)];

    /// <summary>A way to cut what is received into pieces: how many bytes come next.</summary>
    public static Func<int> AllAtOnce => () => int.MaxValue / 2;

    public static Func<int> ByteByByte => () => 1;

    public static Func<int> SplitAt(int position)
    {
        var isFirst = true;
        return () =>
        {
            var piece = isFirst && position > 0 ? position : int.MaxValue / 2;
            isFirst = false;
            return piece;
        };
    }

    public static Func<int> RandomPieces(int seed)
    {
        var random = new Random(seed);
        return () => random.Next(3) == 0 ? 1 : 1 + random.Next(60);
    }

    /// <summary>
    /// What a parser sees when so many bytes of a message have come: they stand somewhere in a larger array, and what lies
    /// around them would end any line, so that whoever reads beyond them is found out.
    /// </summary>
    public static byte[] Place(ReadOnlySpan<byte> received, int start)
    {
        var array = new byte[start + received.Length + 4];
        array.AsSpan().Fill((byte)'\n');
        received.CopyTo(array.AsSpan(start));
        return array;
    }

    public static string Token(Random random, int longest)
    {
        var length = 1 + random.Next(longest);
        return string.Create(length, random, (span, r) =>
        {
            foreach (ref var character in span)
                character = TokenCharacters[r.Next(TokenCharacters.Length)];
        });
    }

    /// <summary>A field value: no blank at either end, and inside whatever may stand there.</summary>
    public static string Value(Random random, int longest)
    {
        var length = random.Next(longest + 1);
        var value = new StringBuilder();
        for (var i = 0; i < length; i++)
        {
            var character = (char)random.Next(0x20, 0x100);
            value.Append(character == 0x7F ? '\t' : character);
        }

        return value.ToString().Trim(' ', '\t');
    }

    public static string RandomCase(Random random, string text) =>
        string.Concat(text.Select(c => random.Next(2) == 0 ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c)));
}

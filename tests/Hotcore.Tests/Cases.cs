using Xunit;

namespace Hotcore;

/// <summary>
/// Runs a property over many generated inputs. Each case has a seed of its own; a failure names it, and with
/// HOTCORE_TEST_SEED set to it, that case alone runs again.
/// </summary>
internal static class Cases
{
    public const int Many = 10_000;

    public static void Check<T>(Func<Random, T> generate, Action<T> property, int count = Many)
    {
        var chosen = Environment.GetEnvironmentVariable("HOTCORE_TEST_SEED");
        var first = chosen is null ? Random.Shared.Next() : int.Parse(chosen);
        for (var i = 0; i < (chosen is null ? count : 1); i++)
        {
            var seed = unchecked(first + i);
            var input = generate(new Random(seed));
            try
            {
                property(input);
            }
            catch (Exception failure)
            {
                var shown = input is byte[] bytes ? Convert.ToHexString(bytes) : $"{input}";
                Assert.Fail($"HOTCORE_TEST_SEED={seed} fails with {shown}: {failure}");
            }
        }
    }

    /// <summary>Damages bytes as disks, networks and people do: flips, cuts, inserts, repeats, swaps.</summary>
    public static byte[] Mutate(Random random, byte[] original)
    {
        var bytes = new List<byte>(original);
        for (var i = random.Next(4); i >= 0; i--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(20), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, Noise(random, 20));
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, Enumerable.Repeat("\n \0.-x"u8[random.Next(6)], random.Next(400)));
                    break;
            }
        }
        return [.. bytes];
    }

    public static byte[] Noise(Random random, int longest)
    {
        var noise = new byte[random.Next(longest + 1)];
        random.NextBytes(noise);
        return noise;
    }

    public static T Pick<T>(Random random, params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];
}

using System.Buffers.Binary;
using Xunit;

namespace Hotcore.Http;

public sealed class WebSocketFramesTests
{
    [Theory]
    [InlineData("81 00")]
    [InlineData("81 05 48 65 6C 6C 6F")]
    [InlineData("81 85 37 FA 21 3D 7F 9F 4D 51 58")]
    [InlineData("89 80 01 02 03 04")]
    [InlineData("82 7E 00 01 FF")]
    [InlineData("82 FE 00 01 01 02 03 04 FF")]
    [InlineData("82 7F 00 00 00 00 00 00 00 02 FF FF")]
    [InlineData("82 7E 00 00")]
    [InlineData("88 02 03 E9")]
    public void Between_the_first_and_the_last_byte_of_a_frame_is_no_boundary(string frame)
    {
        var bytes = Convert.FromHexString(frame.Replace(" ", ""));
        var frames = new WebSocketFrames();
        Assert.True(frames.IsAtBoundary);
        for (var i = 0; i < bytes.Length; i++)
        {
            frames.Pass(bytes.AsSpan(i, 1));
            Assert.Equal(i == bytes.Length - 1, frames.IsAtBoundary);
        }
    }

    [Fact]
    public void A_boundary_is_found_however_the_bytes_are_split() => Cases.Check(
        random => Enumerable.Range(0, 1 + random.Next(4)).Select(_ => Frame(random)).ToArray(),
        generated =>
        {
            var all = generated.SelectMany(frame => frame).ToArray();
            var ends = Ends(generated);
            for (var split = 0; split <= all.Length; split += 1 + all.Length / 500)
            {
                var frames = new WebSocketFrames();
                frames.Pass(all.AsSpan(0, split));
                Assert.Equal(ends.Contains(split), frames.IsAtBoundary);
                frames.Pass(all.AsSpan(split));
                Assert.True(frames.IsAtBoundary);
            }
        },
        count: 1_000);

    [Fact]
    public void One_frame_is_passed_up_to_its_end_and_no_further() => Cases.Check(
        random => (Frames: new[] { Frame(random), Frame(random) }, Begun: random.Next()),
        generated =>
        {
            var all = generated.Frames.SelectMany(frame => frame).ToArray();
            var first = generated.Frames[0].Length;
            var begun = generated.Begun % first;
            var frames = new WebSocketFrames();
            Assert.Equal(begun, frames.PassFrame(all.AsSpan(0, begun)));
            Assert.Equal(first - begun, frames.PassFrame(all.AsSpan(begun)));
            Assert.True(frames.IsAtBoundary);
            Assert.Equal(generated.Frames[1].Length, frames.PassFrame(all.AsSpan(first)));
        });

    [Fact]
    public void Any_bytes_pass_the_same_in_one_piece_and_one_by_one() => Cases.Check(
        random => Cases.Mutate(random, [.. Frame(random), .. Frame(random)]),
        bytes =>
        {
            var (whole, single) = (new WebSocketFrames(), new WebSocketFrames());
            whole.Pass(bytes);
            foreach (var value in bytes)
                single.Pass([value]);
            Assert.Equal(single, whole);
        });

    [Fact]
    public void A_length_of_64_bits_is_never_too_long()
    {
        var frames = new WebSocketFrames();
        frames.Pass([0x82, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        frames.Pass(new byte[100_000]);
        Assert.False(frames.IsAtBoundary);
    }

    [Fact]
    public void A_close_frame_is_noticed_at_its_first_byte()
    {
        var frames = new WebSocketFrames();
        frames.Pass([0x81, 0x01, 0x88, 0x89, 0x00]);
        Assert.False(frames.HasClosed);
        frames.Pass([0x88]);
        Assert.True(frames.HasClosed);
        frames.Pass([0x00, 0x81, 0x00]);
        Assert.True(frames.HasClosed);
    }

    [Fact]
    public void A_close_frame_of_a_server_says_its_status() =>
        Assert.Equal([0x88, 0x02, 0x03, 0xE9], WebSocketFrames.MakeClose(WebSocketFrames.GoingAway, isMasked: false));

    [Fact]
    public void A_close_frame_of_a_client_is_masked_with_another_key_each_time()
    {
        var made = Enumerable.Range(0, 10).Select(_ => WebSocketFrames.MakeClose(WebSocketFrames.GoingAway, isMasked: true)).ToList();
        Assert.All(made, frame =>
        {
            Assert.Equal([0x88, 0x82], frame[..2]);
            Assert.Equal([0x03, 0xE9], new[] { (byte)(frame[6] ^ frame[2]), (byte)(frame[7] ^ frame[3]) });
        });
        Assert.True(made.Select(Convert.ToHexString).Distinct().Count() > 5);
    }

    /// <summary>A frame of any length, its length written in any of the ways that can hold it.</summary>
    private static byte[] Frame(Random random)
    {
        var length = Cases.Pick(random, 0, 1, 125, 126, 127, 65_535, 65_536, random.Next(300)) % (random.Next(10) == 0 ? int.MaxValue : 1_000);
        var form = random.Next(length < 126 ? 0 : length < 65_536 ? 1 : 2, 3);
        var masked = random.Next(2) * 0x80;
        var head = form switch
        {
            0 => new[] { (byte)(masked | length) },
            1 => [(byte)(masked | 126), (byte)(length >> 8), (byte)length],
            _ => [(byte)(masked | 127), .. LongLength(length)],
        };
        var payload = new byte[(masked == 0 ? 0 : 4) + length];
        random.NextBytes(payload);
        return [(byte)random.Next(256), .. head, .. payload];
    }

    private static byte[] LongLength(int length)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, length);
        return bytes;
    }

    private static HashSet<int> Ends(byte[][] frames)
    {
        var (ends, end) = (new HashSet<int> { 0 }, 0);
        foreach (var frame in frames)
            ends.Add(end += frame.Length);
        return ends;
    }
}

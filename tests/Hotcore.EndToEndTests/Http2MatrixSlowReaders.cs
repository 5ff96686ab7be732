using System.Security.Cryptography;

namespace Hotcore.EndToEndTests;

/// <summary>Whoever does not read makes the other side wait, and costs no memory.</summary>
public class Http2MatrixSlowReaders(SharedHotcore shared) : HotcoreTest(shared)
{
    private const long Total = 64 * Memory.MiB;

    /// <summary>What the kernel's socket buffers take is about 10 MiB on either side of hotcore.</summary>
    private const long MostOnTheWay = 40 * Memory.MiB;
    private const long MostGrowth = 20 * Memory.MiB;
    private static readonly TimeSpan StandStill = TimeSpan.FromSeconds(1);

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_does_not_read_makes_the_upstream_wait(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.End();
        await accepted.ReadBody();

        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        var sent = 0L;
        var answering = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await accepted.Send(block);
            await accepted.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        Assert.InRange(sent, 1, MostOnTheWay);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, MostGrowth);
        Assert.Equal(Total, await Count(asked.Read));
        await answering;
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_does_not_read_makes_the_client_wait(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var (asked, accepted) = await pair.BeginAndAccept();

        var sent = 0L;
        var asking = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await asked.Send(block);
            await asked.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        Assert.InRange(sent, 1, MostOnTheWay);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, MostGrowth);
        Assert.Equal(Total, await Count(accepted.Read));
        await asking;
        await accepted.SendHead();
        await accepted.End();
        Assert.Equal(200, await asked.ReadStatus());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_answer_that_ends_before_its_question_waits_for_a_client_that_reads_late(
        ClientKind client, UpstreamKind upstream)
    {
        var answer = RandomNumberGenerator.GetBytes(16_000_000);
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("a beginning"u8.ToArray());
        await accepted.ReadExactly("a beginning".Length);

        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        // RFC 9113 8.1: an HTTP/2 upstream then resets its stream with NO_ERROR, which takes nothing of the answer away.
        var answering = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });
        await Task.WhenAny(answering, Wait.ToSeeThatNothingHappens());
        await Wait.ToSeeThatNothingHappens();

        Assert.Equal(answer, await asked.ReadBody());
        await answering;
    }

    [Theory]
    [InlineData(ClientKind.Http2, UpstreamKind.Http1, true)]
    [InlineData(ClientKind.Http2OverTls, UpstreamKind.Http1, true)]
    [InlineData(ClientKind.Http1, UpstreamKind.Http2, true)]
    [InlineData(ClientKind.Http1, UpstreamKind.Http2, false)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2, true)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2, false)]
    public async Task A_stream_that_nobody_reads_does_not_hold_up_the_others_of_its_connection(
        ClientKind client, UpstreamKind upstream, bool haveQuestionsEnded)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (slow, acceptedSlow) = await pair.BeginAndAccept("/slow");
        if (haveQuestionsEnded)
            await slow.End();
        await acceptedSlow.SendHead();
        Assert.Equal(200, await slow.ReadStatus());
        var sent = 0L;
        var answering = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await acceptedSlow.Send(block);
            await acceptedSlow.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        var (asked, accepted) = await pair.BeginAndAccept("/other");
        if (haveQuestionsEnded)
            await asked.End();
        await accepted.SendHead();
        var answer = RandomNumberGenerator.GetBytes(1_000_000);
        var answeringToo = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal(answer, await asked.ReadBody());
        await answeringToo;

        Assert.Equal(Total, await Count(slow.Read));
        await answering;
    }

    [Theory]
    [InlineData(ClientKind.Http2, UpstreamKind.Http1)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2)]
    public async Task A_hundred_streams_that_nobody_reads_cost_little_memory(ClientKind client, UpstreamKind upstream)
    {
        const int streams = 100;
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        await pair.ExpectToWork();
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var exchanges = new List<ClientExchange>();
        var sent = 0L;
        var answering = new List<Task>();
        for (var i = 0; i < streams; i++)
        {
            var (asked, accepted) = await pair.BeginAndAccept($"/{i}");
            exchanges.Add(asked);
            await accepted.SendHead();
            answering.Add(Task.Run(async () =>
            {
                var block = new byte[65_536];
                for (var ofThis = 0L; ofThis < Total; ofThis += block.Length)
                {
                    await accepted.Send(block);
                    Interlocked.Add(ref sent, block.Length);
                }
            }));
        }
        await Wait.UntilItStandsStill(() => Volatile.Read(ref sent), StandStill);

        // 640 KiB for each stream; the upstream has 64 MiB for each.
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 64 * Memory.MiB);
        foreach (var exchange in exchanges)
            exchange.Reset();
        // Each of them hears of the reset: it fails, or what it sends goes nowhere.
        foreach (var task in answering)
            Assert.IsNotType<TimeoutException>(await Record.ExceptionAsync(() => task));
        await pair.ExpectToWork();
    }

    private static async Task<long> Count(Func<Memory<byte>, ValueTask<int>> read)
    {
        var total = 0L;
        var piece = new byte[262_144];
        for (int count; (count = await Wait.For(read(piece).AsTask(), "a piece of a body")) > 0;)
            total += count;
        return total;
    }
}

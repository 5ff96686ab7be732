using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Hotcore.Loops;

public sealed class BufferTests
{
    [Fact]
    public void A_pool_knows_what_is_out_and_lends_again_what_came_back()
    {
        var pool = new BufferPool();
        var (small, large) = (pool.RentSmall(), pool.RentLarge());
        Assert.Equal((BufferPool.SmallBytes, BufferPool.LargeBytes, 2), (small.Length, large.Length, pool.RentedCount));
        pool.Return(small);
        pool.Return(large);
        Assert.Equal(0, pool.RentedCount);
        Assert.Same(small, pool.RentSmall());
        Assert.Same(large, pool.RentLarge());
    }

    [Fact]
    public void A_pool_refuses_what_it_never_lent() =>
        Assert.Throws<ArgumentException>(() => new BufferPool().Return(new byte[100]));

    [Fact]
    public void A_burst_does_not_hold_its_memory_for_ever()
    {
        var pool = new BufferPool();
        var burst = Enumerable.Range(0, 2000).Select(_ => pool.RentLarge()).ToHashSet();
        foreach (var buffer in burst)
            pool.Return(buffer);
        var kept = Enumerable.Range(0, 2000).Select(_ => pool.RentLarge()).Count(burst.Contains);
        Assert.InRange(kept, 1, 100);
    }

    [Fact]
    public void A_receive_buffer_holds_memory_only_while_it_holds_bytes()
    {
        using var test = new ReceivingTest();
        test.Loop.Do(() => Assert.Equal(Connection.WouldBlock, test.FillUntil(Connection.WouldBlock)));
        test.Loop.Do(() =>
        {
            test.Buffer.ReleaseIfEmpty();
            Assert.Equal(0, test.Pool.RentedCount);
        });
        test.Send("hello");
        test.Loop.Do(() =>
        {
            Assert.Equal("hello", Encoding.ASCII.GetString(test.Buffer.Unread));
            test.Buffer.ReleaseIfEmpty();
            Assert.Equal(1, test.Pool.RentedCount);
            test.Buffer.Consume(2);
            Assert.Equal("llo", Encoding.ASCII.GetString(test.Buffer.UnreadMemory.Span));
            test.Buffer.Consume(3);
            test.Buffer.ReleaseIfEmpty();
            Assert.Equal((0, 0), (test.Pool.RentedCount, test.Buffer.Length));
            test.Buffer.Release();
            Assert.Equal(0, test.Pool.RentedCount);
        });
    }

    [Fact]
    public void A_receive_buffer_grows_and_then_is_full()
    {
        using var test = new ReceivingTest();
        var bytes = new byte[100_000];
        new Random(1).NextBytes(bytes);
        test.Peer.Send(bytes);
        test.ReceiveUntil(() => test.Buffer.FillFrom(test.Connection) == ReceiveBuffer.Full);
        test.Loop.Do(() =>
        {
            Assert.Equal((BufferPool.LargeBytes, 1), (test.Buffer.Length, test.Pool.RentedCount));
            Assert.True(test.Buffer.Unread.SequenceEqual(bytes.AsSpan(0, BufferPool.LargeBytes)));
            test.Buffer.Consume(60_000); // Then what is unread moves to the front.
        });
        test.ReceiveUntil(() => test.FillUntil(Connection.WouldBlock) != 0 && test.Buffer.Length == 40_000);
        test.Loop.Do(() =>
        {
            Assert.True(test.Buffer.Unread.SequenceEqual(bytes.AsSpan(60_000)));
            test.Buffer.Release();
            Assert.Equal((0, 0), (test.Buffer.Length, test.Pool.RentedCount));
        });
    }

    [Fact]
    public async Task Whatever_is_consumed_in_between_a_receive_buffer_loses_and_repeats_nothing()
    {
        using var test = new ReceivingTest();
        var bytes = new byte[3_000_000];
        new Random(2).NextBytes(bytes);
        var sending = Task.Run(() => test.Peer.Send(bytes));
        var random = new Random(3);
        var position = 0;
        test.ReceiveUntil(() =>
        {
            var received = test.Buffer.FillFrom(test.Connection);
            Assert.NotEqual(Connection.Failed, received);
            var consumed = received == ReceiveBuffer.Full ? test.Buffer.Length : random.Next(test.Buffer.Length + 1);
            Assert.True(test.Buffer.Unread[..consumed].SequenceEqual(bytes.AsSpan(position, consumed)));
            test.Buffer.Consume(consumed);
            position += consumed;
            return position + test.Buffer.Length == bytes.Length;
        });
        Assert.Equal(bytes.Length, await sending);
    }

    [Fact]
    public void A_send_buffer_grows_up_to_a_large_one_and_no_further()
    {
        var pool = new BufferPool();
        var buffer = new SendBuffer(pool);
        Assert.Equal((BufferPool.SmallBytes, 0), (buffer.Room, pool.RentedCount));
        var expected = new List<byte>();
        var random = new Random(4);
        while (expected.Count < BufferPool.LargeBytes)
        {
            var piece = new byte[Math.Min(random.Next(5000), BufferPool.LargeBytes - expected.Count)];
            random.NextBytes(piece);
            buffer.Append(piece);
            expected.AddRange(piece);
        }

        Assert.Equal((BufferPool.LargeBytes, 0, 1), (buffer.Count, buffer.Room, pool.RentedCount));
        Assert.True(buffer.Gathered.SequenceEqual(expected.ToArray()));
        Assert.Throws<InvalidOperationException>(() => buffer.Append("x"u8));
        buffer.Release();
        buffer.Release();
        Assert.Equal((0, 0), (buffer.Count, pool.RentedCount));
    }

    [Fact]
    public void A_send_buffer_writes_numbers()
    {
        var buffer = new SendBuffer(new BufferPool());
        foreach (var number in new[] { 0, 200, long.MaxValue, long.MinValue })
            buffer.AppendDecimal(number);
        buffer.Append(" "u8);
        foreach (var number in new[] { 0, 255, int.MaxValue })
            buffer.AppendHexadecimal(number);
        Assert.Equal("02009223372036854775807-9223372036854775808 0ff7fffffff", Encoding.ASCII.GetString(buffer.Gathered));
    }

    [Fact]
    public async Task A_send_buffer_is_empty_once_it_is_flushed_even_to_a_connection_that_is_gone()
    {
        using var loop = new RunningLoop();
        var (connection, peer) = loop.Connect();
        using (peer)
        {
            var buffer = new SendBuffer(loop.Events.Buffers);
            Assert.True(await loop.Start(() => FlushAsync("hello")).WaitAsync(RunningLoop.Limit));
            var received = new byte[5];
            Assert.Equal(5, peer.Receive(received));
            loop.Do(connection.Close);
            Assert.False(await loop.Start(() => FlushAsync("lost")).WaitAsync(RunningLoop.Limit));
            Assert.Equal((0, 0), loop.Ask(() => (buffer.Count, loop.Events.Buffers.RentedCount)));

            LoopTask<bool> FlushAsync(string text)
            {
                buffer.Append(Encoding.ASCII.GetBytes(text));
                return buffer.FlushAsync(connection, 10_000);
            }
        }
    }

    /// <summary>A receive buffer, the connection it is filled from, and who sends.</summary>
    private sealed class ReceivingTest : IDisposable
    {
        public ReceivingTest()
        {
            (Connection, Peer) = Loop.Connect();
            Buffer = new ReceiveBuffer(Pool);
        }

        public RunningLoop Loop { get; } = new();

        public BufferPool Pool { get; } = new();

        public Connection Connection { get; }

        public Socket Peer { get; }

        public ReceiveBuffer Buffer { get; }

        public void Send(string text)
        {
            var expected = Loop.Ask(() => Buffer.Length) + text.Length;
            Peer.Send(Encoding.ASCII.GetBytes(text));
            ReceiveUntil(() => FillUntil(Connection.WouldBlock) != 0 && Buffer.Length == expected);
        }

        public int FillUntil(int result)
        {
            int last;
            do
                last = Buffer.FillFrom(Connection);
            while (last != result && last > 0);
            return last;
        }

        /// <summary>Repeats a step on the loop each time something arrived, until it says that it has all.</summary>
        public void ReceiveUntil(Func<bool> hasAll)
        {
            Assert.True(Loop.Start(RepeatAsync).WaitAsync(RunningLoop.Limit).GetAwaiter().GetResult());

            async LoopTask<bool> RepeatAsync()
            {
                while (!hasAll())
                {
                    if (await Connection.Readable.WaitAsync(30_000) != WaitResult.Ready)
                        return false;
                }

                return true;
            }
        }

        public void Dispose()
        {
            Peer.Dispose();
            Loop.Dispose();
        }
    }
}

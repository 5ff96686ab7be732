using Hotcore.Loops;
using Xunit;

namespace Hotcore.Proxying.Http2;

public sealed class ReceivedBodyTests
{
    [Fact]
    public void What_was_added_comes_out_in_order_whatever_the_pieces()
    {
        Cases.Check(
            random => random.Next(),
            seed =>
            {
                var (random, pool) = (new Random(seed), new BufferPool());
                var body = new ReceivedBody(pool);
                var (added, taken) = (0, 0);
                for (var step = 0; step < 40; step++)
                {
                    var piece = new byte[random.Next(20_000)];
                    for (var i = 0; i < piece.Length; i++)
                        piece[i] = (byte)(added++ * 7);
                    body.Add(piece);
                    while (!body.IsEmpty && random.Next(4) > 0)
                    {
                        var count = random.Next(1, body.First.Length + 1);
                        foreach (var octet in body.First.Span[..count])
                            Assert.Equal((byte)(taken++ * 7), octet);
                        body.Consume(count);
                    }

                    Assert.Equal(added - taken, body.Length);
                }

                body.Release();
                Assert.Equal(0, pool.RentedCount);
            },
            count: 100);
    }

    [Fact]
    public void It_holds_no_buffer_when_it_is_empty()
    {
        var pool = new BufferPool();
        var body = new ReceivedBody(pool);

        body.Add(new byte[BufferPool.SmallBytes + 1]);
        Assert.Equal(2, pool.RentedCount);
        body.Consume(body.First.Length);
        body.Consume(body.First.Length);

        Assert.Equal(0, pool.RentedCount);
    }
}

using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Hotcore.Loops;

public sealed class ConnectionTests : IDisposable
{
    private readonly RunningLoop _loop = new();
    private readonly byte[] _buffer = new byte[1000];

    public void Dispose() => _loop.Dispose();

    [Fact]
    public async Task An_edge_that_arrives_before_anyone_waits_is_remembered()
    {
        var (connection, peer) = _loop.Connect();
        using var noticed = new ManualResetEventSlim();
        _loop.Do(() =>
        {
            Assert.Equal(Connection.WouldBlock, connection.TryReceive(_buffer));
            connection.WhenUnawaitedInput = noticed.Set;
        });
        peer.Send("hello"u8);
        Assert.True(noticed.Wait(RunningLoop.Limit));
        Assert.Equal(WaitResult.Ready, await Run(async () => await connection.Readable.WaitAsync(0)));
        Assert.Equal(5, _loop.Ask(() => connection.TryReceive(_buffer)));
        peer.Dispose();
    }

    [Fact]
    public async Task A_short_receive_is_followed_by_the_next_edge()
    {
        var (connection, peer) = _loop.Connect();
        for (var n = 1; n < 200; n++)
        {
            peer.Send(new byte[n]);
            var count = n;
            Assert.Equal(n, await Run(() => ReceiveAsync(connection, count)));
        }

        peer.Dispose();
    }

    [Fact]
    public async Task What_the_peer_takes_slowly_arrives_whole()
    {
        var (connection, peer) = _loop.Connect(peerReceiveBytes: 4096);
        var bytes = new byte[5_000_000];
        new Random(5).NextBytes(bytes);
        var sending = Run(() => connection.SendAsync(bytes, 60_000));
        var received = new List<byte>();
        var piece = new byte[30_000];
        while (received.Count < bytes.Length)
            received.AddRange(piece.AsSpan(0, peer.Receive(piece)));
        Assert.True(await sending);
        Assert.Equal(bytes.Length, _loop.Ask(() => connection.SentBytes));
        Assert.True(bytes.AsSpan().SequenceEqual(received.ToArray()));
        peer.Dispose();
    }

    [Fact]
    public async Task A_peer_that_takes_nothing_is_given_up()
    {
        var (connection, peer) = _loop.Connect(peerReceiveBytes: 4096);
        Assert.False(await Run(() => connection.SendAsync(new byte[20_000_000], 100)));
        peer.Dispose();
    }

    [Fact]
    public async Task Closing_ends_the_waits_of_both_directions()
    {
        var (connection, peer) = _loop.Connect(peerReceiveBytes: 4096);
        var receiving = Run(async () =>
        {
            Assert.Equal(Connection.WouldBlock, connection.TryReceive(_buffer));
            return await connection.Readable.WaitAsync(-1);
        });
        var sending = Run(() => connection.SendAsync(new byte[20_000_000], -1));
        _loop.Do(() =>
        {
            Assert.True(connection.Readable.IsAwaited && connection.Writable.IsAwaited);
            connection.Close();
            Assert.False(connection.Readable.IsAwaited || connection.Writable.IsAwaited);
            connection.Close();
        });
        Assert.Equal(WaitResult.Cancelled, await receiving);
        Assert.False(await sending);
        Assert.Equal(Connection.Failed, _loop.Ask(() => connection.TryReceive(_buffer)));
        Assert.Equal(Connection.Failed, _loop.Ask(() => connection.TrySend(_buffer)));
        Assert.Equal(WaitResult.Ready, await Run(async () => await connection.Readable.WaitAsync(-1)));
        peer.Dispose();
    }

    [Fact]
    public async Task The_last_byte_of_the_peer_is_followed_by_the_end_again_and_again()
    {
        var (connection, peer) = _loop.Connect();
        peer.Send("bye"u8);
        peer.Shutdown(SocketShutdown.Send);
        Assert.Equal(3, await Run(() => ReceiveAsync(connection, 100)));
        _loop.Do(() =>
        {
            Assert.True(connection.PeerHasFinished && !connection.IsBroken);
            Assert.Equal(0, connection.TryReceive(_buffer));
            Assert.Equal(0, connection.TryReceive(_buffer));
            Assert.Equal(4, connection.TrySend("well"u8));
        });
        Assert.Equal(4, peer.Receive(new byte[10]));
        peer.Dispose();
    }

    [Fact]
    public async Task A_reset_breaks_the_connection_and_is_noticed_by_nobody_in_particular()
    {
        var (connection, peer) = _loop.Connect();
        using var noticed = new ManualResetEventSlim();
        _loop.Do(() =>
        {
            Assert.Equal(Connection.WouldBlock, connection.TryReceive(_buffer));
            connection.WhenUnawaitedInput = noticed.Set;
        });
        Reset(peer);
        Assert.True(noticed.Wait(RunningLoop.Limit));
        _loop.Do(() =>
        {
            Assert.True(connection.IsBroken && connection.PeerHasFinished && !connection.IsSilent(connection.Loop.Round));
            Assert.Equal(Connection.Failed, connection.TryReceive(_buffer));
            Assert.Equal(Connection.Failed, connection.TrySend(_buffer));
        });
        Assert.False(await Run(() => connection.SendAsync(_buffer, -1)));
    }

    [Fact]
    public async Task A_reset_ends_the_wait_of_whoever_sends()
    {
        var (connection, peer) = _loop.Connect(peerReceiveBytes: 4096);
        var sending = Run(() => connection.SendAsync(new byte[20_000_000], -1));
        _loop.Do(() => { });
        Reset(peer);
        Assert.False(await sending);
    }

    [Fact]
    public void Only_an_open_connection_with_nothing_to_say_is_silent()
    {
        var (connection, peer) = _loop.Connect();
        Assert.True(_loop.Ask(() => connection.IsSilent(connection.Loop.Round)));
        peer.Send("x"u8);
        Assert.True(SpinWait.SpinUntil(() => !_loop.Ask(() => connection.IsSilent(connection.Loop.Round)), RunningLoop.Limit));
        Assert.Equal(1, _loop.Ask(() => connection.TryReceive(_buffer)));
        Assert.True(_loop.Ask(() => connection.IsSilent(connection.Loop.Round)));
        peer.Dispose();
        Assert.True(SpinWait.SpinUntil(() => !_loop.Ask(() => connection.IsSilent(connection.Loop.Round)), RunningLoop.Limit));
        _loop.Do(connection.Close);
        Assert.False(_loop.Ask(() => connection.IsSilent(connection.Loop.Round)));
    }

    [Fact]
    public async Task Finishing_to_send_leaves_the_other_direction_open()
    {
        var (connection, peer) = _loop.Connect();
        _loop.Do(connection.FinishSending);
        Assert.Equal(0, peer.Receive(new byte[1]));
        peer.Send("still here"u8);
        Assert.Equal(10, await Run(() => ReceiveAsync(connection, 10)));
        peer.Dispose();
    }

    [Fact]
    public void Aborting_lets_nobody_take_it_for_the_end()
    {
        var (connection, peer) = _loop.Connect();
        _loop.Do(connection.Abort);
        var failure = Assert.Throws<SocketException>(() => peer.Receive(new byte[1]));
        Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
        peer.Dispose();
    }

    [Fact]
    public async Task A_port_that_refuses_is_told_at_once_or_when_the_connection_was_to_open()
    {
        using var unused = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        unused.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // Bound, so nobody else listens there, and not listening.
        var port = ((IPEndPoint)unused.LocalEndPoint!).Port;
        Assert.Equal(Libc.ECONNREFUSED, await Run(ConnectAsync));

        async LoopTask<int> ConnectAsync()
        {
            var fd = TcpConnector.ConnectToLoopback(port, overIPv6: false, out var isConnected);
            Assert.False(isConnected);
            if (fd < 0)
                return -fd;
            var connection = new Connection(_loop.Events, fd);
            connection.Writable.IsSet = false;
            Assert.Equal(WaitResult.Ready, await connection.Writable.WaitAsync(30_000));
            var error = connection.TakeConnectError();
            connection.Close();
            return error;
        }
    }

    [Fact]
    public void What_an_event_throws_costs_the_connection_and_nothing_else()
    {
        var (connection, peer) = _loop.Connect();
        _loop.Do(() =>
        {
            Assert.Equal(Connection.WouldBlock, connection.TryReceive(_buffer));
            connection.WhenUnawaitedInput = () => throw new InvalidOperationException("broken");
        });
        peer.Send("x"u8);
        Assert.True(SpinWait.SpinUntil(() => _loop.Ask(() => connection.IsClosed), RunningLoop.Limit));
        Assert.Single(_loop.Reports.All);
        peer.Dispose();
    }

    [Fact]
    public void Connections_that_come_and_go_under_posts_of_many_threads_leave_nothing_behind()
    {
        var open = new List<Connection>();
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            var random = new Random(thread);
            for (var n = 0; n < 60; n++)
            {
                var (connection, peer) = _loop.Connect();
                _loop.Events.Post(() =>
                {
                    open.Add(connection);
                    EchoAsync(connection).RunDetached(_loop.Events.Report);
                });
                for (var i = 0; i < 20; i++)
                    _loop.Events.Post(() => _loop.Events.Schedule(() => { }));
                Use(peer, random);
                if (random.Next(3) == 0)
                {
                    var index = random.Next(1000);
                    _loop.Events.Post(() => open[index % open.Count].Close()); // Somebody's, perhaps in use.
                }
            }
        });
        Assert.True(SpinWait.SpinUntil(() => _loop.Ask(() => open.TrueForAll(c => c.IsClosed)), RunningLoop.Limit));
        _loop.Do(() => Assert.Equal((0, 480, 0), (_loop.Events.Buffers.RentedCount, open.Count, _loop.Events.Timers.Count)));
        Assert.Empty(_loop.Reports.All);
    }

    private static void Use(Socket peer, Random random)
    {
        try
        {
            var bytes = new byte[random.Next(1, 40_000)];
            var back = new byte[bytes.Length];
            peer.Send(bytes);
            for (var received = 0; random.Next(20) > 0 && received < bytes.Length;)
            {
                var count = peer.Receive(back.AsSpan(received));
                if (count == 0)
                    break;
                received += count;
            }

            if (random.Next(3) == 0)
                peer.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // Another thread had its connection closed.
        }

        if (random.Next(3) == 0)
            Reset(peer);
        peer.Dispose();
    }

    private async LoopTask EchoAsync(Connection connection)
    {
        var (input, output) = (new ReceiveBuffer(_loop.Events.Buffers), new SendBuffer(_loop.Events.Buffers));
        while (true)
        {
            var received = input.FillFrom(connection);
            if (received > 0)
            {
                output.Append(input.Unread);
                input.Consume(input.Length);
                if (await output.FlushAsync(connection, 30_000))
                    continue;
            }

            input.ReleaseIfEmpty();
            if (received != Connection.WouldBlock || await connection.Readable.WaitAsync(30_000) != WaitResult.Ready)
                break;
        }

        input.Release();
        output.Release();
        connection.Close();
    }

    private async LoopTask<int> ReceiveAsync(Connection connection, int count)
    {
        var sum = 0;
        while (sum < count)
        {
            var received = connection.TryReceive(_buffer);
            if (received is 0 or Connection.Failed)
                break;
            if (received > 0)
                sum += received;
            else if (await connection.Readable.WaitAsync(30_000) != WaitResult.Ready)
                break;
        }

        return sum;
    }

    private Task<T> Run<T>(Func<LoopTask<T>> method) => _loop.Start(method).WaitAsync(RunningLoop.Limit);

    private static void Reset(Socket peer)
    {
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
    }
}

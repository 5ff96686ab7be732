using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Loops;
using Xunit;

namespace Hotcore.Proxying;

public sealed class ProxyTests
{
    private const string Hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    private const string Chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    private const string Get = "GET / HTTP/1.1\r\nHost: a.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n";
    private const string GetChunked = "GET /chunked HTTP/1.1\r\nHost: a.com\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n";
    private const string Post = "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 11\r\nCookie: a=b\r\n\r\nhello world";
    private const int MostAtOnce = 40;

    [Fact]
    public async Task A_request_allocates_nothing_in_the_steady_state()
    {
        Assert.SkipWhen(LoopTaskTests.IsDebugBuild, "A debug build keeps the state of every async method in an object of its own.");
        using var upstream = new TestUpstream(r => r.StartsWith("GET /chunked", StringComparison.Ordinal) ? Chunked : Hello);
        using var proxy = new RunningProxy(upstream.Port);
        var clients = Enumerable.Range(0, MostAtOnce).Select(_ => proxy.Connect()).ToList();
        ServeAllAtOnce(clients, upstream);
        Serve(clients, rounds: 30);

        const int Rounds = 250;
        await AssertAllocatesLess(clients.Count * Rounds, proxy, () =>
        {
            Serve(clients, Rounds);
            return Task.CompletedTask;
        });
        Assert.Empty(proxy.Reports.All);
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task A_request_over_HTTP_2_allocates_nothing_in_the_steady_state()
    {
        Assert.SkipWhen(LoopTaskTests.IsDebugBuild, "A debug build keeps the state of every async method in an object of its own.");
        using var upstream = new TestUpstream(_ => Hello);
        using var proxy = new RunningProxy(upstream.Port);
        using var client = new HttpClient
        {
            BaseAddress = new Uri($"http://{proxy.Address}"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await AskAllAtOnce(client, upstream);
        await AskManyTimes(client, 3_000);

        const int Count = 10_000;
        await AssertAllocatesLess(Count, proxy, () => AskManyTimes(client, Count));
        Assert.Empty(proxy.Reports.All);
    }

    [Fact]
    public void Idle_connections_hold_no_buffer()
    {
        using var upstream = new TestUpstream(r => r.StartsWith("GET /chunked", StringComparison.Ordinal) ? Chunked : Hello);
        using var proxy = new RunningProxy(upstream.Port);
        var clients = Enumerable.Range(0, 50).Select(_ => proxy.Connect()).ToList();
        Assert.True(SpinWait.SpinUntil(() => proxy.On(0, () => proxy.Proxy.Loops[0].ClientCount) == 50, RunningLoop.Limit));
        Serve(clients, rounds: 6);
        Assert.True(SpinWait.SpinUntil(() => proxy.On(0, () => proxy.Proxy.Loops[0].Events.Buffers.RentedCount) == 0, RunningLoop.Limit));
        clients.ForEach(c => c.Dispose());
    }

    [Fact]
    public void A_burst_of_clients_is_spread_evenly()
    {
        using var upstream = new TestUpstream(_ => Hello);
        using var proxy = new RunningProxy(upstream.Port, loops: 2);
        var clients = new Socket[1000];
        Parallel.For(0, clients.Length, i => clients[i] = proxy.Connect());
        var loops = proxy.Proxy.Loops;
        Assert.True(SpinWait.SpinUntil(() => loops.Sum(l => l.ClientCount) == clients.Length, RunningLoop.Limit));
        Assert.InRange(loops[0].ClientCount, 498, 502);
        foreach (var client in clients)
            client.Dispose();
        Assert.True(SpinWait.SpinUntil(() => loops.Sum(l => l.ClientCount) == 0, RunningLoop.Limit));
    }

    [Fact]
    public async Task A_client_that_asks_without_end_does_not_starve_the_others()
    {
        using var upstream = new TestUpstream(_ => Hello);
        using var proxy = new RunningProxy(upstream.Port);
        using var greedy = proxy.Connect();
        var flood = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Repeat("GET / HTTP/1.1\r\nHost: b.com\r\n\r\n", 2000)));
        using var isFlooding = new CountdownEvent(3_000_000);
        var sending = Task.Run(() => RepeatUntilClosed(() => greedy.Send(flood), _ => { }));
        var piece = new byte[1_000_000];
        var receiving = Task.Run(() => RepeatUntilClosed(() => greedy.Receive(piece), isFlooding.TrySignal));
        Assert.True(isFlooding.Wait(RunningLoop.Limit));
        for (var i = 0; i < 20; i++)
            Assert.EndsWith("hello", proxy.Ask(Get.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")));
        greedy.Dispose();
        await Task.WhenAll(sending, receiving).WaitAsync(RunningLoop.Limit);
    }

    [Fact]
    public void An_app_that_listens_on_the_loopback_of_IPv6_only_is_found()
    {
        using var upstream = new TestUpstream(_ => Hello, IPAddress.IPv6Loopback);
        using var proxy = new RunningProxy(upstream.Port);
        for (var i = 0; i < 3; i++)
            Assert.EndsWith("hello", proxy.Ask(Get.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")));
    }

    /// <summary>
    /// What every request allocates shows in each block of requests. What a stall costs, after which connections are made anew,
    /// does not: one block without is enough.
    /// </summary>
    private static async Task AssertAllocatesLess(long limit, RunningProxy proxy, Func<Task> serveBlock)
    {
        var allocated = new List<long>();
        do
        {
            var before = proxy.On(0, GC.GetAllocatedBytesForCurrentThread);
            await serveBlock();
            allocated.Add(proxy.On(0, GC.GetAllocatedBytesForCurrentThread) - before);
        }
        while (allocated[^1] >= limit && allocated.Count < 5);
        Assert.True(allocated[^1] < limit, $"{string.Join(", ", allocated)} bytes, and not less than {limit} once");
    }

    /// <summary>As <see cref="ServeAllAtOnce"/> does: as many requests are under way together as ever will be.</summary>
    private static async Task AskAllAtOnce(HttpClient client, TestUpstream upstream)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        upstream.Gate = gate.Task;
        var asking = AskManyTimes(client, MostAtOnce);
        Assert.True(SpinWait.SpinUntil(() => upstream.RequestCount == MostAtOnce, RunningLoop.Limit));
        gate.SetResult();
        await asking;
    }

    private static Task AskManyTimes(HttpClient client, int count) => Parallel.ForAsync(
        0,
        count,
        new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce },
        async (_, cancellation) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
            request.Headers.Host = "a.com";
            using var response = await client.SendAsync(request, cancellation);
            Assert.Equal("hello", await response.Content.ReadAsStringAsync(cancellation));
        });

    /// <summary>Has every pool of the loop grow to what so many clients can need: all requests of a kind are under way together.</summary>
    private static void ServeAllAtOnce(List<Socket> clients, TestUpstream upstream)
    {
        var piece = new byte[1000];
        foreach (var request in new[] { Get, GetChunked, Post }.Select(Encoding.Latin1.GetBytes))
        {
            var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var expected = upstream.RequestCount + clients.Count;
            upstream.Gate = gate.Task;
            clients.ForEach(c => c.Send(request));
            Assert.True(SpinWait.SpinUntil(() => upstream.RequestCount == expected, RunningLoop.Limit));
            gate.SetResult();
            clients.ForEach(c => ReceiveAnswer(c, piece));
        }
    }

    /// <summary>Has every client send a request at once, then receive its answer, so that all exchanges are under way together.</summary>
    private static void Serve(List<Socket> clients, int rounds)
    {
        var requests = new[] { Get, GetChunked, Post }.Select(Encoding.Latin1.GetBytes).ToArray();
        var piece = new byte[1000];
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < clients.Count; i++)
                clients[i].Send(requests[(round + i) % requests.Length]);
            foreach (var client in clients)
                ReceiveAnswer(client, piece);
        }
    }

    private static void ReceiveAnswer(Socket client, byte[] piece)
    {
        var received = 0;
        do
        {
            var count = client.Receive(piece.AsSpan(received));
            Assert.True(count > 0, "The connection ended before the answer did.");
            received += count;
        }
        while (!IsComplete(piece.AsSpan(0, received)));
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", Encoding.Latin1.GetString(piece, 0, received));
    }

    private static bool IsComplete(ReadOnlySpan<byte> answer) =>
        answer.EndsWith("\r\n\r\nhello"u8) || answer.EndsWith("hello\r\n0\r\n\r\n"u8);

    private static void RepeatUntilClosed(Func<int> step, Action<int> then)
    {
        try
        {
            while (step() is > 0 and var count)
                then(count);
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}

internal static class Countdown
{
    /// <summary>Counts down, and stays at zero.</summary>
    public static void TrySignal(this CountdownEvent countdown, int count)
    {
        if (!countdown.IsSet)
            countdown.Signal(Math.Min(count, countdown.CurrentCount));
    }
}

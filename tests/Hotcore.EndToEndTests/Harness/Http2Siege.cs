using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// What must stay as it is while a client attacks: the memory, the number of requests at the upstream, and the service
/// to others, who go on asking all the time, in HTTP/1.1 and HTTP/2, for the same app and for another.
/// </summary>
public sealed class Http2Siege : IAsyncDisposable
{
    /// <summary>By how much the process may grow, at its highest.</summary>
    private const long MostGrowth = 40 * Memory.MiB;

    private static readonly TimeSpan SlowestAnswer = TimeSpan.FromSeconds(5);

    private readonly RunningHotcore _hotcore;
    private readonly TestUpstream _other = TestUpstream.Repeating();
    private readonly ConcurrentDictionary<UpstreamConnection, byte> _atWork = new();
    private readonly CancellationTokenSource _over = new();
    private readonly long _before;
    private Task[] _bystanders = [];
    private int _served;
    private int _mostAtWork;

    private Http2Siege(RunningHotcore hotcore)
    {
        _hotcore = hotcore;
        Upstream = TestUpstream.Serving(Serve);
        Memory.ForgetPeak(hotcore.ProcessId);
        _before = Memory.RssBytes(hotcore.ProcessId);
    }

    /// <summary>
    /// The app that is asked for: /held never ends, /large is a download without an end, and the rest is answered.
    /// </summary>
    public TestUpstream Upstream { get; }

    public string Domain { get; private set; } = "";

    public static async Task<Http2Siege> Begin(RunningHotcore hotcore)
    {
        var siege = new Http2Siege(hotcore);
        siege.Domain = await hotcore.AddNewDomain(siege.Upstream.Port);
        var otherDomain = await hotcore.AddNewDomain(siege._other.Port);
        siege._bystanders =
        [
            siege.AskInHttp1(siege.Domain), siege.AskInHttp1(otherDomain), siege.AskInHttp2(siege.Domain),
                siege.AskInHttp2(otherDomain),
        ];
        await Wait.Until(() => siege._served >= 8, "service before the attack");
        return siege;
    }

    /// <summary>Sends batches until the server has had enough, or there are no more.</summary>
    public static async Task Flood(Http2Client client, IEnumerable<byte[]> batches)
    {
        foreach (var batch in batches)
        {
            if (client.GoAway != null || client.End != null || client.IsSendingOver)
                return;
            await Wait.For(client.SendRaw(batch), "the server to read on, or to close");
        }
    }

    /// <summary>Expects that nobody came to harm, after the attack.</summary>
    public async Task ExpectNoHarm(uint mostStreams)
    {
        // All of them once more, now that it is over.
        var served = _served;
        await Wait.Until(() => _served >= served + 8 || _bystanders.Any(bystander => bystander.IsFaulted),
            "service after the attack");
        await _over.CancelAsync();
        await Task.WhenAll(_bystanders);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_served} answers to others, at most {_mostAtWork} requests at the upstream, "
            + $"{(Memory.PeakRssBytes(_hotcore.ProcessId) - _before) / Memory.MiB} MiB more at the highest");
        Assert.InRange(_mostAtWork, 0, (int)mostStreams);
        Assert.True(_hotcore.IsRunning);
        Assert.Equal("kcehc", await _hotcore.Control("check"));
        Assert.InRange(Memory.PeakRssBytes(_hotcore.ProcessId) - _before, long.MinValue, MostGrowth);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Upstream.DisposeAsync();
        await _other.DisposeAsync();
        // What failed there has been told by ExpectNoHarm, unless the test failed before.
        await Task.WhenAll(_bystanders).ContinueWith(_ => { }, TaskScheduler.Default);
        _over.Dispose();
    }

    private async Task AskInHttp1(string domain)
    {
        await using var client = await _hotcore.Connect();
        while (!_over.IsCancellationRequested)
            await Ask(async () => Assert.Equal("GET /bystander", (await client.Get(domain, "/bystander")).Text));
    }

    private async Task AskInHttp2(string domain)
    {
        await using var client = await Http2Client.Connect(_hotcore.Http);
        while (!_over.IsCancellationRequested)
            await Ask(async () => Assert.Equal("GET /bystander", (await client.Get(domain, "/bystander")).Text));
    }

    private async Task Ask(Func<Task> ask)
    {
        var started = Stopwatch.StartNew();
        await ask();
        Assert.InRange(started.Elapsed, TimeSpan.Zero, SlowestAnswer);
        Interlocked.Increment(ref _served);
        await Task.Delay(5);
    }

    private async Task Serve(UpstreamConnection connection)
    {
        connection.Reader.IsRecording = false;
        while (await connection.Reader.ReadHead() is { } head)
        {
            if (head.Target == "/bystander")
            {
                await connection.Send(Answers.Ok("GET /bystander"));
                continue;
            }
            Enter(connection);
            try
            {
                await Work(connection, head);
            }
            finally
            {
                _atWork.TryRemove(connection, out _);
            }
        }
    }

    private static async Task Work(UpstreamConnection connection, MessageHead head)
    {
        var body = connection.BodyOf(head);
        var piece = new byte[16_384];
        if (head.Target == "/large")
        {
            await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
            for (; ; )
                await connection.Send(piece);
        }
        while (await body.Read(piece) > 0)
        {
            // A body is of no interest.
        }
        if (head.Target == "/held")
            await connection.Reader.ReadToEnd();
        await connection.Send(Answers.Ok("answered"));
    }

    /// <summary>Counts those connections alone that hotcore has not closed yet, whether that was read here or not.</summary>
    private void Enter(UpstreamConnection connection)
    {
        _atWork[connection] = 0;
        lock (_atWork)
        {
            if (_atWork.Count > _mostAtWork)
                _mostAtWork = Math.Max(_mostAtWork, _atWork.Keys.Count(atWork => !IsClosed(atWork.Socket)));
        }
    }

    private static bool IsClosed(Socket socket)
    {
        try
        {
            return socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0;
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }
}

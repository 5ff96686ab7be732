using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>1,000 mapping changes a second: nobody who uses another domain notices.</summary>
[Collection(nameof(Alone))]
public class ChangesUnderLoad(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int ChangesPerSecond = 1_000;
    private const int Seconds = 10;
    private const int Count = ChangesPerSecond * Seconds;
    private const int Domains = 2_000;

    [Fact]
    public async Task A_thousand_changes_a_second_disturb_nobody_and_are_each_answered_within_100_ms()
    {
        // A machine that runs other things as well may hold up anybody for 100 ms; what hotcore itself does wrong shows
        // every time. That nobody is disturbed is held to in each attempt.
        var slowest = TimeSpan.MaxValue;
        for (var attempt = 0; attempt < 3 && slowest > TimeSpan.FromMilliseconds(100); attempt++)
            slowest = await ChangeUnderLoad();
        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    private async Task<TimeSpan> ChangeUnderLoad()
    {
        await using var nginx = await RealApp.StartNginx();
        await using var echo = TestUpstream.Echoing();
        var unrelated = await Hotcore.AddNewDomain(nginx.Port);
        await using var tunnel = await Hotcore.Connect();
        await tunnel.Upgrade(await Hotcore.AddNewDomain(echo.Port));
        var wrk = Finished.Run(
            "wrk", ["-t1", "-c16", $"-d{Seconds + 2}s", "-H", $"Host: {unrelated}", $"http://{Hotcore.Http}/"]);

        var changing = Task.Run(SendAtPace);
        while (!changing.IsCompleted)
        {
            await tunnel.ExpectEcho("still open");
            await Task.WhenAny(changing, Task.Delay(100));
        }

        var slowest = await changing;
        var report = await wrk;
        TestContext.Current.TestOutputHelper?.WriteLine($"slowest reply {slowest.TotalMilliseconds:0.0} ms\n{report.All}");
        Assert.Equal(0, report.ExitCode);
        Assert.Contains("Requests/sec:", report.Output);
        Assert.DoesNotContain("Socket errors", report.Output);
        Assert.DoesNotContain("Non-2xx", report.Output);
        await tunnel.ExpectEcho("open to the end");
        return slowest;
    }

    /// <summary>Sends all changes, each at its time, and returns how long the slowest reply took.</summary>
    private TimeSpan SendAtPace()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.ReceiveTimeout = (int)Wait.Limit.TotalMilliseconds;
        var sentAt = new long[Count];
        // Threads that block, so that what is measured is hotcore and not this process's thread pool.
        var replies = Task.Factory.StartNew(() => ReadReplies(socket, sentAt), TaskCreationOptions.LongRunning);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < Count;)
        {
            var due = Math.Min((int)(Stopwatch.GetElapsedTime(start).TotalSeconds * ChangesPerSecond), Count);
            for (; i < due; i++)
            {
                var message = Encoding.ASCII.GetBytes($"add change{i % Domains}.example.com {10_000 + i / Domains}");
                Volatile.Write(ref sentAt[i], Stopwatch.GetTimestamp());
                socket.SendTo(message, Hotcore.ControlAddress);
            }
            Thread.Sleep(1);
        }
        return replies.GetAwaiter().GetResult();
    }

    private static TimeSpan ReadReplies(Socket socket, long[] sentAt)
    {
        var slowest = TimeSpan.Zero;
        var buffer = new byte[1024];
        for (var received = 0; received < sentAt.Length; received++)
        {
            var words = Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)).TrimEnd('\n').Split(' ');
            Assert.Equal("ok", words[0]);
            var domain = int.Parse(words[1].Split('.')[0].AsSpan("change".Length), CultureInfo.InvariantCulture);
            var change = (int.Parse(words[2], CultureInfo.InvariantCulture) - 10_000) * Domains + domain;
            var time = Stopwatch.GetElapsedTime(Volatile.Read(ref sentAt[change]));
            slowest = time > slowest ? time : slowest;
        }
        return slowest;
    }
}

using System.Diagnostics;
using System.Net;
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

    /// <summary>Fewer than a socket's buffer holds: what comes while this process stands still is not lost.</summary>
    private const int MostUnanswered = 100;

    [Fact]
    public async Task A_thousand_changes_a_second_disturb_nobody_and_are_each_answered()
    {
        await using var nginx = await RealApp.StartNginx();
        await using var echo = TestUpstream.Echoing();
        var unrelated = await Hotcore.AddNewDomain(nginx.Port);
        await using var tunnel = await Hotcore.Connect();
        await tunnel.Upgrade(await Hotcore.AddNewDomain(echo.Port));
        var wrk = Finished.Run("wrk",
        [
            "-t1", "-c16", $"-d{Seconds + 2}s", "--timeout", $"{Wait.Limit.TotalSeconds}s",
            "-H", $"Host: {unrelated}", $"http://{Hotcore.Http}/",
        ]);

        var changing = SendAtPace();
        while (!changing.IsCompleted)
        {
            await tunnel.ExpectEcho("still open");
            await Task.WhenAny(changing, Task.Delay(100));
        }

        await changing;
        var report = await wrk;
        TestContext.Current.TestOutputHelper?.WriteLine(report.All);
        Assert.Equal(0, report.ExitCode);
        Assert.Contains("Requests/sec:", report.Output);
        Assert.DoesNotContain("Socket errors", report.Output);
        Assert.DoesNotContain("Non-2xx", report.Output);
        await tunnel.ExpectEcho("open to the end");
    }

    /// <summary>Sends all changes, each at its time, and expects a reply to each. How soon it comes is for a bench to say.</summary>
    private async Task SendAtPace()
    {
        string[] changes =
            [.. Enumerable.Range(0, Count).Select(i => $"change{i % Domains}.example.com {10_000 + i / Domains}")];
        using var socket = new ControlSocket(Hotcore.ControlAddress, from: IPAddress.Loopback);
        using var room = new SemaphoreSlim(MostUnanswered);
        var replies = ExpectReplies(changes, socket, room);
        var started = Stopwatch.StartNew();
        for (var i = 0; i < Count && !replies.IsCompleted; i++)
        {
            var early = TimeSpan.FromSeconds((double)i / ChangesPerSecond) - started.Elapsed;
            if (early > TimeSpan.Zero)
                await Task.Delay(early);
            await Task.WhenAny(room.WaitAsync(), replies);
            await socket.Send(Encoding.ASCII.GetBytes($"add {changes[i]}"));
        }
        await replies;
    }

    private static async Task ExpectReplies(string[] changes, ControlSocket socket, SemaphoreSlim room)
    {
        for (var unanswered = changes.ToHashSet(); unanswered.Count > 0; room.Release())
        {
            var reply = await socket.Receive();
            Assert.True(
                reply?.StartsWith("ok ") == true && unanswered.Remove(reply["ok ".Length..]),
                $"{reply ?? "no reply"}, with {unanswered.Count} changes unanswered");
        }
    }
}

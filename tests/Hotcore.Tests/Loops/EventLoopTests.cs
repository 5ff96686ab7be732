using Xunit;

namespace Hotcore.Loops;

public sealed class EventLoopTests
{
    [Fact]
    public void What_many_threads_post_runs_once_each_and_in_their_order()
    {
        using var loop = new RunningLoop();
        var last = new int[8];
        var outOfOrder = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            for (var n = 1; n <= 20_000; n++)
            {
                var number = n;
                loop.Events.Post(() => outOfOrder += last[thread] == number - 1 && (last[thread] = number) > 0 ? 0 : 1);
            }
        });
        loop.Do(() => { });
        Assert.Equal(0, outOfOrder);
        Assert.All(last, n => Assert.Equal(20_000, n));
    }

    [Fact]
    public void A_posted_action_that_fails_is_reported_and_the_loop_goes_on()
    {
        using var loop = new RunningLoop();
        loop.Events.Post(() => throw new InvalidOperationException("broken"));
        loop.Events.Post(() => loop.Events.Schedule(() => throw new InvalidOperationException("broken too")));
        loop.Do(() => { });
        loop.Do(() => { });
        Assert.Equal(2, loop.Reports.All.Count);
        Assert.Contains("broken", loop.Reports.All.First());
    }

    [Fact]
    public void A_registration_that_fails_is_told_and_the_loop_goes_on()
    {
        using var loop = new RunningLoop();
        using var broken = new Watched(loop.Events) { WhenReady = _ => throw new InvalidOperationException("broken") };
        using var whole = new Watched(loop.Events);
        loop.Do(() =>
        {
            broken.Register();
            whole.Register();
            broken.Set();
            whole.Set();
        });
        WaitUntil(loop, () => broken.Faults == 1 && whole.Calls == 1);
        Assert.Single(loop.Reports.All);
    }

    [Fact]
    public void Events_of_a_registration_that_closed_earlier_in_the_round_are_dropped()
    {
        using var loop = new RunningLoop();
        var pair = new Watched[2];
        using var newcomer = new Watched(loop.Events);
        for (var i = 0; i < 2; i++)
        {
            var other = 1 - i;
            pair[i] = new Watched(loop.Events)
            {
                WhenReady = self =>
                {
                    self.Unregister();
                    var slot = pair[other].Slot;
                    pair[other].Unregister();
                    newcomer.Register(); // Takes over the place that the dropped event points to.
                    Assert.Equal(slot, newcomer.Slot);
                },
            };
        }

        loop.Do(() =>
        {
            foreach (var watched in pair)
            {
                watched.Register();
                watched.Set();
            }
        });
        WaitUntil(loop, () => pair[0].Calls + pair[1].Calls > 0);
        loop.Do(() => { });
        loop.Do(() => Assert.Equal((1, 0), (pair[0].Calls + pair[1].Calls, newcomer.Calls)));
        Assert.Empty(loop.Reports.All);
        loop.Do(newcomer.Set);
        WaitUntil(loop, () => newcomer.Calls == 1);
        foreach (var watched in pair)
            watched.Dispose();
    }

    [Fact]
    public void Thousands_of_registrations_have_a_place_each()
    {
        using var loop = new RunningLoop();
        var all = Enumerable.Range(0, 300).Select(_ => new Watched(loop.Events)).ToList();
        loop.Do(() =>
        {
            foreach (var watched in all)
                watched.Register();
            Assert.Equal(all.Count, all.Select(w => w.Slot).Distinct().Count());
            foreach (var watched in all)
                watched.Set();
        });
        WaitUntil(loop, () => all.TrueForAll(w => w.Calls == 1));
        all.ForEach(w => w.Dispose());
    }

    [Fact]
    public void A_descriptor_that_cannot_be_watched_costs_no_place()
    {
        using var loop = new RunningLoop();
        using var watched = new Watched(loop.Events);
        loop.Do(() =>
        {
            Assert.Throws<IOException>(() => loop.Events.Register(watched, -1, Libc.EPOLLIN));
            Assert.Equal(-1, watched.Slot);
            watched.Register();
            watched.Set();
        });
        WaitUntil(loop, () => watched.Calls == 1);
    }

    [Fact]
    public async Task A_wait_ends_when_its_time_has_passed()
    {
        using var loop = new RunningLoop();
        Assert.Equal(WaitResult.TimedOut, await loop.Start(async () => await Unset(loop).WaitAsync(1)).WaitAsync(RunningLoop.Limit));
        Assert.Equal(WaitResult.TimedOut, await loop.Start(async () => await Unset(loop).WaitAsync(0)).WaitAsync(RunningLoop.Limit));
    }

    [Fact]
    public async Task A_signal_ends_a_wait_or_is_remembered_for_the_next()
    {
        using var loop = new RunningLoop();
        var readiness = loop.Ask(() => Unset(loop));
        var waiting = loop.Start(async () => await readiness.WaitAsync(-1));
        loop.Do(() => Assert.True(readiness.IsAwaited));
        loop.Do(readiness.Signal);
        Assert.Equal(WaitResult.Ready, await waiting.WaitAsync(RunningLoop.Limit));
        loop.Do(() => Assert.True(readiness.IsSet && !readiness.IsAwaited));
        Assert.Equal(WaitResult.Ready, await loop.Start(async () => await readiness.WaitAsync(0)).WaitAsync(RunningLoop.Limit));
    }

    [Fact]
    public async Task A_wait_that_is_called_off_continues_later_in_the_round()
    {
        using var loop = new RunningLoop();
        var order = new List<string>();
        var readiness = loop.Ask(() => Unset(loop));
        var waiting = loop.Start(async () =>
        {
            var result = await readiness.WaitAsync(60_000);
            order.Add($"{result}");
            return result;
        });
        loop.Do(() =>
        {
            readiness.Cancel();
            readiness.Cancel();
            order.Add("called off");
        });
        Assert.Equal(WaitResult.Cancelled, await waiting.WaitAsync(RunningLoop.Limit));
        Assert.Equal(["called off", "Cancelled"], order);
        loop.Do(() => Assert.Equal(0, loop.Events.Timers.Count));
    }

    [Fact]
    public async Task A_timeout_of_an_earlier_wait_does_not_end_a_later_one()
    {
        using var loop = new RunningLoop();
        var readiness = loop.Ask(() => Unset(loop));
        var result = await loop.Start(async () =>
        {
            loop.Events.Schedule(readiness.Signal);
            await readiness.WaitAsync(100);
            readiness.IsSet = false;
            var other = Unset(loop);
            var first = other.WaitAsync(500);
            var waiting = WaitAsync(readiness, -1);
            await first; // The first wait's time passes meanwhile.
            Assert.True(readiness.IsAwaited);
            readiness.Signal();
            return await waiting;
        }).WaitAsync(RunningLoop.Limit);
        Assert.Equal(WaitResult.Ready, result);
    }

    [Fact]
    public async Task Whoever_yields_lets_what_was_posted_go_first()
    {
        using var loop = new RunningLoop();
        var hasRun = false;
        var turns = await loop.Start(async () =>
        {
            loop.Events.Post(() => hasRun = true);
            var turns = 0;
            for (; !hasRun; turns++)
                await loop.Events.YieldAsync();
            return turns;
        }).WaitAsync(RunningLoop.Limit);
        Assert.InRange(turns, 1, 2);
    }

    private static async LoopTask<WaitResult> WaitAsync(Readiness readiness, long milliseconds) =>
        await readiness.WaitAsync(milliseconds);

    private static Readiness Unset(RunningLoop loop) => new(loop.Events) { IsSet = false };

    private static void WaitUntil(RunningLoop loop, Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(() => loop.Ask(condition), RunningLoop.Limit));

    /// <summary>A descriptor that is ready when the test says so.</summary>
    private sealed class Watched(EventLoop loop) : Registration, IDisposable
    {
        private readonly int _fd = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);

        public Action<Watched>? WhenReady { get; set; }

        public int Calls { get; private set; }

        public int Faults { get; private set; }

        public void Register() => loop.Register(this, _fd, Libc.EPOLLIN | Libc.EPOLLET);

        public void Unregister() => loop.Unregister(this, _fd);

        public unsafe void Set()
        {
            ulong one = 1;
            Assert.Equal(sizeof(ulong), Libc.write(_fd, &one, sizeof(ulong)));
        }

        public void Dispose() => _ = Libc.close(_fd);

        internal override void OnEvents(uint events)
        {
            Calls++;
            WhenReady?.Invoke(this);
        }

        internal override void OnFault(Exception fault) => Faults++;
    }
}

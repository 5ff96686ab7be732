using Xunit;

namespace Hotcore.Loops;

public sealed class TimersTests
{
    private const long Tick = Timers.TickMilliseconds;

    [Fact]
    public void A_deadline_is_told_once_when_its_moment_has_passed()
    {
        var timers = new Timers(0, Rethrow);
        var deadline = new Alarm();
        timers.Set(deadline, 1000);
        timers.Advance(999);
        Assert.Equal(0, deadline.Calls);
        timers.Advance(1000 + 2 * Tick);
        timers.Advance(1_000_000);
        Assert.Equal(1, deadline.Calls);
        Assert.Equal(0, timers.Count);
    }

    [Fact]
    public void A_deadline_moves_both_ways()
    {
        var timers = new Timers(0, Rethrow);
        var deadline = new Alarm();
        timers.Set(deadline, 1000);
        timers.Set(deadline, 5000);
        timers.Advance(4000);
        Assert.Equal(0, deadline.Calls);
        timers.Set(deadline, 4500);
        timers.Advance(4500 + 2 * Tick);
        Assert.Equal(1, deadline.Calls);
    }

    [Fact]
    public void A_cleared_deadline_is_not_told_and_leaves_the_wheel()
    {
        var timers = new Timers(0, Rethrow);
        var deadline = new Alarm();
        timers.Set(deadline, 1000);
        Timers.Clear(deadline);
        timers.Advance(2000);
        Assert.Equal((0, 0), (deadline.Calls, timers.Count));
        timers.Set(deadline, 3000);
        timers.Advance(4000);
        Assert.Equal(1, deadline.Calls);
    }

    [Fact]
    public void A_removed_deadline_is_cleared_and_out_of_the_wheel_at_once()
    {
        var timers = new Timers(0, Rethrow);
        var deadline = new Alarm();
        timers.Set(deadline, 1000);
        timers.Remove(deadline);
        Assert.Equal((0, -1, Deadline.Never), (timers.Count, deadline.Slot, deadline.DueAt));
        timers.Remove(deadline);
        timers.Advance(2000);
        Assert.Equal(0, deadline.Calls);
    }

    [Fact]
    public void A_deadline_beyond_the_wheel_is_kept()
    {
        var timers = new Timers(0, Rethrow);
        var deadline = new Alarm();
        timers.Set(deadline, 3_600_000);
        for (long now = 0; now < 3_600_000; now += 10_000)
        {
            timers.Advance(now);
            Assert.Equal(0, deadline.Calls);
        }

        timers.Advance(3_600_000 + 2 * Tick);
        Assert.Equal(1, deadline.Calls);
    }

    [Fact]
    public void A_fault_of_one_deadline_costs_no_other()
    {
        var faults = new List<string>();
        var timers = new Timers(0, fault => faults.Add(fault.Message));
        var (broken, whole) = (new Alarm { WhenDue = () => throw new InvalidOperationException("broken") }, new Alarm());
        timers.Set(whole, 100);
        timers.Set(broken, 100);
        timers.Set(new Alarm { WhenDue = broken.WhenDue }, 100);
        timers.Advance(1000);
        Assert.Equal((1, 2), (whole.Calls, faults.Count));
    }

    [Fact]
    public void What_is_told_may_set_itself_again_and_remove_its_neighbours()
    {
        var timers = new Timers(0, Rethrow);
        var alarms = new Alarm[3];
        for (var i = 0; i < 3; i++)
        {
            alarms[i] = new Alarm();
            var self = alarms[i];
            self.WhenDue = () =>
            {
                foreach (var other in alarms)
                {
                    if (other != self)
                        timers.Remove(other);
                }

                timers.Set(self, self.Calls == 1 ? 1000 : 5000);
            };
            timers.Set(self, 100);
        }

        timers.Advance(200);
        Assert.Equal((1, 1), (alarms.Sum(a => a.Calls), timers.Count));
        timers.Advance(500);
        Assert.Equal(1, alarms.Sum(a => a.Calls));
        timers.Advance(1200);
        Assert.Equal(2, alarms.Sum(a => a.Calls));
    }

    [Fact]
    public void Without_deadlines_the_loop_may_sleep_for_ever() =>
        Assert.Equal(-1, new Timers(123_456, Rethrow).MillisecondsUntilNextVisit(123_456));

    [Fact]
    public void A_wheel_does_what_a_naive_list_of_deadlines_does() =>
        Cases.Check(random => random.Next(), seed => new Model(new Random(seed)).Run(), count: 3000);

    private static void Rethrow(Exception fault) => throw fault;

    private sealed class Alarm : Deadline
    {
        public Action? WhenDue { get; set; }

        public int Calls { get; private set; }

        internal override void OnDue()
        {
            Calls++;
            WhenDue?.Invoke();
        }
    }

    /// <summary>A wheel, and beside it only what was asked of it: each alarm's moment, and when that was set.</summary>
    private sealed class Model
    {
        private readonly Random _random;
        private readonly Timers _timers;
        private readonly Alarm[] _alarms = new Alarm[12];
        private readonly (long Due, long SetAt)?[] _expected = new (long, long)?[12];
        private long _now;

        public Model(Random random)
        {
            _random = random;
            _now = random.NextInt64(10_000_000);
            _timers = new Timers(_now, Rethrow);
            for (var i = 0; i < _alarms.Length; i++)
            {
                var index = i;
                _alarms[i] = new Alarm { WhenDue = () => BeTold(index) };
            }
        }

        public void Run()
        {
            for (var step = 0; step < 100; step++)
            {
                ChangeSomething();
                var sleep = _timers.MillisecondsUntilNextVisit(_now);
                AssertSleepIsShortEnough(sleep);
                // As the loop does: it wakes up in time, or early for something else, or, once in a while, very late.
                _now += _random.Next(20) switch
                {
                    0 => _random.Next(5_000_000),
                    < 10 => Math.Max(0, sleep),
                    _ => _random.Next(300),
                };
                if (_random.Next(5) == 0)
                    ChangeSomething(); // What events do before the deadlines of a round have their turn.
                _timers.Advance(_now);
                AssertNothingIsOverdue();
            }
        }

        private void ChangeSomething()
        {
            for (var i = _random.Next(4); i > 0; i--)
            {
                var index = _random.Next(_alarms.Length);
                switch (_random.Next(6))
                {
                    case 0:
                        Timers.Clear(_alarms[index]);
                        _expected[index] = null;
                        break;
                    case 1:
                        _timers.Remove(_alarms[index]);
                        _expected[index] = null;
                        break;
                    default:
                        Set(index);
                        break;
                }
            }
        }

        private void Set(int index)
        {
            var due = _now + _random.Next(5) switch
            {
                0 => _random.Next(-1000, 10),
                1 => _random.Next(1_000_000),
                2 => 65_536 + _random.Next(-200, 200),
                _ => _random.Next(5000),
            };
            _timers.Set(_alarms[index], due);
            _expected[index] = (due, _now);
        }

        private void BeTold(int index)
        {
            Assert.NotNull(_expected[index]);
            Assert.True(_expected[index]!.Value.Due <= _now, "It was told before its moment.");
            _expected[index] = null;
            if (_random.Next(4) == 0)
                ChangeSomething();
        }

        private void AssertSleepIsShortEnough(int sleep)
        {
            foreach (var expected in _expected.OfType<(long Due, long SetAt)>())
                Assert.InRange(sleep, 0, Math.Max(0, Math.Max(expected.Due, expected.SetAt) - _now) + Tick);
        }

        private void AssertNothingIsOverdue()
        {
            foreach (var expected in _expected.OfType<(long Due, long SetAt)>())
                Assert.True(Math.Max(expected.Due, expected.SetAt) + 2 * Tick > _now, "It was not told in time.");
        }
    }
}

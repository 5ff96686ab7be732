using System.Diagnostics;
using System.Runtime.CompilerServices;
using Xunit;

// A LoopTask's awaiter never blocks; xUnit takes it for a Task's.
#pragma warning disable xUnit1031

namespace Hotcore.Loops;

public sealed class LoopTaskTests
{
    [Fact]
    public void A_method_that_never_waits_is_complete_at_once()
    {
        Assert.Equal(42, Result(AnswerAsync()));
        Assert.True(new LoopTask<int>(1).GetAwaiter().IsCompleted);
        static async LoopTask<int> AnswerAsync() => await new LoopTask<int>(42);
    }

    [Fact]
    public void A_method_that_waits_completes_when_it_is_continued()
    {
        var gate = new Gate();
        var task = AddAsync(gate).GetAwaiter();
        Assert.False(task.IsCompleted);
        gate.Open(1);
        Assert.False(task.IsCompleted);
        gate.Open(2);
        Assert.True(task.IsCompleted);
        Assert.Equal(3, task.GetResult());

        static async LoopTask<int> AddAsync(Gate gate) => await gate + await gate;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_fault_reaches_whoever_awaits(bool afterWaiting)
    {
        var gate = new Gate();
        var caught = CatchAsync(gate, afterWaiting).GetAwaiter();
        if (afterWaiting)
            gate.Open(0);
        Assert.Equal("broken", caught.GetResult());

        static async LoopTask<string> CatchAsync(Gate gate, bool afterWaiting)
        {
            try
            {
                await OuterAsync(gate, afterWaiting);
                return "nothing";
            }
            catch (InvalidOperationException fault)
            {
                return fault.Message;
            }
        }

        static async LoopTask OuterAsync(Gate gate, bool afterWaiting) => await InnerAsync(gate, afterWaiting);

        static async LoopTask<int> InnerAsync(Gate gate, bool afterWaiting)
        {
            if (afterWaiting)
                await gate;
            throw new InvalidOperationException("broken");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_detached_method_tells_of_its_fault(bool afterWaiting)
    {
        var gate = new Gate();
        var faults = new List<string>();
        BreakAsync().RunDetached(fault => faults.Add(fault.Message));
        if (afterWaiting)
            gate.Open(0);
        Assert.Equal(["broken"], faults);

        async LoopTask BreakAsync()
        {
            if (afterWaiting)
                await gate;
            throw new InvalidOperationException("broken");
        }
    }

    [Fact]
    public void A_finally_runs_when_a_method_is_continued_into_a_fault()
    {
        var gate = new Gate();
        var order = new List<string>();
        RunAsync().RunDetached(_ => order.Add("told"));
        gate.Open(-1);
        Assert.Equal(["finally", "told"], order);

        async LoopTask RunAsync()
        {
            try
            {
                if (await gate < 0)
                    throw new InvalidOperationException();
            }
            finally
            {
                order.Add("finally");
            }
        }
    }

    [Fact]
    public void Two_methods_may_be_under_way_before_either_is_awaited()
    {
        var (first, second) = (new Gate(), new Gate());
        var sum = SumAsync().GetAwaiter();
        second.Open(20);
        Assert.False(sum.IsCompleted);
        first.Open(1);
        Assert.Equal(21, sum.GetResult());

        async LoopTask<int> SumAsync()
        {
            var one = OneAsync(first);
            var two = OneAsync(second);
            return await one + await two;
        }

        static async LoopTask<int> OneAsync(Gate gate) => await gate;
    }

    [Fact]
    public void The_states_of_methods_that_ended_serve_others()
    {
        for (var n = 0; n < 1000; n++)
        {
            var tasks = Enumerable.Range(0, 5).Select(i => (Gate: new Gate(), Number: i))
                .Select(p => (p.Gate, Task: DoubleAsync(p.Gate).GetAwaiter(), p.Number)).ToList();
            foreach (var (opened, task, number) in tasks.OrderBy(t => (t.Number * 3 + n) % 5))
            {
                opened.Open(number + n);
                if (number == 3)
                    Assert.Throws<InvalidOperationException>(() => task.GetResult());
                else
                    Assert.Equal(2 * (number + n), task.GetResult());
            }

            async LoopTask<int> DoubleAsync(Gate gate)
            {
                var value = await gate;
                return value == 3 + n ? throw new InvalidOperationException() : 2 * value;
            }
        }
    }

    [Fact]
    public void A_long_row_of_waits_needs_no_stack()
    {
        var gate = new Gate();
        var count = CountAsync(gate).GetAwaiter();
        for (var i = 0; i < 100_000; i++)
            gate.Open(1);
        Assert.Equal(100_000, count.GetResult());
        Assert.Equal(100_000, Result(CountAsync(null)));

        static async LoopTask<int> CountAsync(Gate? gate)
        {
            var count = 0;
            for (var i = 0; i < 100_000; i++)
                count += await MiddleAsync(gate);
            return count;
        }

        static async LoopTask<int> MiddleAsync(Gate? gate) => await InnerAsync(gate);

        static async LoopTask<int> InnerAsync(Gate? gate) => gate is null ? 1 : await gate;
    }

    [Fact]
    public async Task A_long_row_of_turns_on_a_loop_needs_no_stack()
    {
        using var loop = new RunningLoop();
        Assert.Equal(100_000, await loop.Start(CountAsync).WaitAsync(RunningLoop.Limit));

        async LoopTask<int> CountAsync()
        {
            var count = 0;
            for (; count < 100_000; count++)
                await TurnAsync();
            return count;
        }

        async LoopTask TurnAsync() => await loop.Events.YieldAsync();
    }

    [Fact]
    public void Waiting_allocates_nothing_in_the_steady_state()
    {
        Assert.SkipWhen(IsDebugBuild, "A debug build keeps the state of every async method in an object of its own.");
        var gate = new Gate();
        for (var round = 0; round < 3; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 10_000; i++)
            {
                var task = OuterAsync(gate).GetAwaiter();
                gate.Open(i);
                if (task.GetResult() != i)
                    Assert.Fail("The wrong result.");
            }

            if (round == 2)
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        static async LoopTask<int> OuterAsync(Gate gate)
        {
            var value = await InnerAsync(gate);
            await NothingAsync();
            return value;
        }

        static async LoopTask<int> InnerAsync(Gate gate) => await gate;

        static async LoopTask NothingAsync() => await new LoopTask<int>(0);
    }

    internal static bool IsDebugBuild { get; } = typeof(LoopTask).Assembly
        .GetCustomAttributes(false).OfType<DebuggableAttribute>().Any(a => a.IsJITOptimizerDisabled);

    private static T Result<T>(LoopTask<T> task)
    {
        var awaiter = task.GetAwaiter();
        Assert.True(awaiter.IsCompleted);
        return awaiter.GetResult();
    }

    /// <summary>What a method waits at until the test opens it.</summary>
    private sealed class Gate : ICriticalNotifyCompletion
    {
        private Action? _continuation;
        private int _value;

        public bool IsCompleted => false;

        public Gate GetAwaiter() => this;

        public int GetResult() => _value;

        public void OnCompleted(Action continuation) => _continuation = continuation;

        public void UnsafeOnCompleted(Action continuation) => _continuation = continuation;

        public void Open(int value)
        {
            var continuation = _continuation!;
            (_continuation, _value) = (null, value);
            continuation();
        }
    }
}

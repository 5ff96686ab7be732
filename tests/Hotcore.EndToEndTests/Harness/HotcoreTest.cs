namespace Hotcore.EndToEndTests.Harness;

/// <summary>The hotcore that the tests of one class share: each test uses domains and upstreams of its own.</summary>
public sealed class SharedHotcore : IAsyncLifetime
{
    public RunningHotcore Hotcore { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Hotcore = await RunningHotcore.Start();

    public ValueTask DisposeAsync() => Hotcore.DisposeAsync();
}

/// <summary>
/// A test class with one hotcore. What hotcore wrote to standard error is shown with each test that fails.
/// </summary>
public abstract class HotcoreTest(SharedHotcore shared) : IClassFixture<SharedHotcore>, IDisposable
{
    protected RunningHotcore Hotcore { get; } = shared.Hotcore;

    public void Dispose()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"hotcore {(Hotcore.IsRunning ? "still runs" : "has died")}. It wrote to standard error:\n"
                + RunningHotcore.Tail(Hotcore.Errors));
        }
        GC.SuppressFinalize(this);
    }
}

/// <summary>Tests that measure time, or load the machine, run one by one after all the others.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

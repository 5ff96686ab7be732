using Hotcore.Installing;

namespace Hotcore;

/// <summary>
/// Tells systemd that the service is ready, and then, twice in the time after which systemd would restart it, that it still
/// works; but only once every part has proven that it does.
/// </summary>
internal sealed class Heartbeat : IAsyncDisposable
{
    private readonly SystemdSocket _systemd;
    private readonly Func<Task> _proveLife;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _beating;

    /// <param name="systemd">Stays the caller's.</param>
    /// <param name="proveLife">Completes when every part has answered; never, where one hangs.</param>
    /// <param name="clock">Tells when the next beat is due.</param>
    public Heartbeat(SystemdSocket systemd, Func<Task> proveLife, TimeProvider clock)
    {
        (_systemd, _proveLife) = (systemd, proveLife);
        // The beat too: where this process takes over from another, that one's last may be half the time old.
        systemd.Send($"{SystemdSocket.Ready}\n{SystemdSocket.Alive}");
        _beating = systemd.WatchdogTime is { } time ? BeatAsync(time / 2, clock) : Task.CompletedTask;
    }

    /// <summary>Another process speaks for the service: beats no more. Completes when the last beat is over.</summary>
    public async Task FallSilentAsync()
    {
        await _stop.CancelAsync();
        await _beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Says that the service stops, if it is still for this process to say. From then on systemd has another patience.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_stop.IsCancellationRequested) _systemd.Send(SystemdSocket.Stopping);
        await _stop.CancelAsync();
        await _beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task BeatAsync(TimeSpan interval, TimeProvider clock)
    {
        using var timer = new PeriodicTimer(interval, clock);
        while (await timer.WaitForNextTickAsync(_stop.Token))
        {
            await _proveLife().WaitAsync(_stop.Token);
            _systemd.Send(SystemdSocket.Alive);
        }
    }
}

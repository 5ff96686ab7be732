using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace Hotcore.Handover;

/// <summary>
/// Waits for a successor and hands over to it:
/// <code>
/// hotcore                                             successor
///   │ ◄──────────────── "take over" ──────────────────── │
///   │  lets go of one charge after another               │
///   │ ───────────────── its estate ────────────────────► │  takes the files, takes messages, loads, listens,
///   │ ◄─────────── "loading", every second ───────────── │  and says meanwhile that it lives
///   │ ◄──────────────── "serving" ────────────────────── │
///   │  tells systemd who is the main process, stops      │
///   │  accepting                                         │
///   │ ───────────────── "released" ────────────────────► │  renews certificates
///   ▼  finishes what it has                              ▼
/// </code>
/// Until "serving" it goes on accepting. A successor that ends before, or says nothing for too long, changes nothing: what was
/// let go of is taken back.
/// </summary>
internal sealed class SuccessorListener : IAsyncDisposable
{
    public const string TakeOver = "take over";
    public const string Loading = "loading";
    public const string Serving = "serving";
    private const string Released = "released";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // systemd gives a reload 90 s.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SignOfLifePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AskPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(20);
    private const int TriesInSilence = 50;

    private readonly Socket _listening;
    private readonly IReadOnlyList<Charge> _charges;
    private readonly Func<Estate> _estate;
    private readonly Func<int, Task> _leaveTo;
    private readonly Action<string> _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _waiting;
    private bool _isSuperseded;

    /// <summary>Begins to wait.</summary>
    /// <param name="path">The socket's path. Whatever is there is stale: the caller has the folder's lock.</param>
    /// <param name="charges">Let go of in this order, taken back in the opposite one.</param>
    /// <param name="estate">What to hand over.</param>
    /// <param name="leaveTo">Called with the successor's process id once it serves: stops accepting.</param>
    /// <param name="log">Takes what happens.</param>
    /// <exception cref="SocketException">There can be no socket of that path.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise, for want of rights.</exception>
    public SuccessorListener(
        string path, IReadOnlyList<Charge> charges, Func<Estate> estate, Func<int, Task> leaveTo, Action<string> log)
    {
        (_charges, _estate, _leaveTo, _log) = (charges, estate, leaveTo, log);
        var address = HandoverLink.Address(path);
        File.Delete(path);
        _listening = HandoverLink.CreateSocket();
        _listening.Bind(address);
        File.SetUnixFileMode(path, OwnerOnly);
        _listening.Listen();
        _waiting = Task.Run(WaitAsync);
    }

    /// <summary>Waits for the end of a handover that is under way, and takes the socket away.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _waiting;
        _listening.Dispose();
        _stopping.Dispose();
    }

    private async Task WaitAsync()
    {
        while (!_isSuperseded && !_stopping.IsCancellationRequested)
        {
            try
            {
                using var link = new HandoverLink(await _listening.AcceptAsync(_stopping.Token));
                if (await link.ReceiveTextAsync(AskPatience) != TakeOver)
                    throw new IOException($"process {link.ProcessId} says something else than '{TakeOver}'");
                _isSuperseded = await HandOverAsync(link);
                if (!_isSuperseded) continue;
                await _leaveTo(link.ProcessId);
                // With the socket goes its path, where the successor's own comes to be once it is released.
                _listening.Dispose();
                link.Send(Released);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure) when (failure is SocketException or IOException)
            {
                _log($"a successor got lost: {failure.Message}");
            }
        }
    }

    /// <summary>Returns whether the successor serves.</summary>
    private async Task<bool> HandOverAsync(HandoverLink link)
    {
        _log($"handing over to process {link.ProcessId}");
        var letGo = new Stack<Charge>();
        try
        {
            foreach (var charge in _charges)
            {
                await charge.LetGoAsync();
                letGo.Push(charge);
            }
            _estate().Send(link);
            await AwaitServingAsync(link);
            return true;
        }
        catch (IOException failure)
        {
            // One that has closed its end has given back what it took. Another must not come to life later.
            if (failure is not EndOfStreamException) End(link.ProcessId);
            while (letGo.TryPop(out var charge)) await TakeBackAsync(charge);
            _log($"the handover failed, nothing changes: {failure.Message}");
            return false;
        }
    }

    private async Task AwaitServingAsync(HandoverLink link)
    {
        var started = Environment.TickCount64;
        while (true)
        {
            var said = await link.ReceiveTextAsync(SignOfLifePatience);
            if (said == Serving) return;
            if (said != Loading) throw new IOException($"process {link.ProcessId} says neither '{Loading}' nor '{Serving}'");
            if (Environment.TickCount64 - started > Patience.TotalMilliseconds)
                throw new IOException($"process {link.ProcessId} does not serve after {Patience.TotalSeconds:0} s");
        }
    }

    /// <summary>Two in charge of one thing do more harm than one that is late: it is tried until it works.</summary>
    private async Task TakeBackAsync(Charge charge)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await charge.TakeBackAsync();
                return;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // A process that is killed gives back one thing after another.
                if (tries == TriesInSilence) _log($"cannot take back {charge.Name} yet: {failure.Message}");
                await Task.Delay(PauseAfterFailure);
            }
        }
    }

    private void End(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
            process.WaitForExit(EndPatience);
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception)
        {
            _log($"process {processId} has ended: {gone.Message}");
        }
    }
}

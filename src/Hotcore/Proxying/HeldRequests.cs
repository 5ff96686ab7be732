using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// The requests of one loop that wait for a port that refuses for a moment (a deploy, a restart). All share one probe. Belongs to
/// one loop.
/// </summary>
/// <param name="probe">Tries the port once: true when it has taken a connection, which is among the idle ones then.</param>
/// <param name="isInForce">Whether a mapping still is what its domain says.</param>
/// <param name="loop">Where they wait.</param>
internal sealed class HeldRequests(Func<LoopTask<bool>> probe, Predicate<Mapping> isInForce, EventLoop loop)
{
    private readonly List<(Readiness Wait, Mapping Mapping)> _waiting = [];
    private bool _isProbing;

    /// <summary>
    /// Waits until the port has taken a connection; false when <paramref name="until"/> on the loop's clock comes first, when
    /// <paramref name="wait"/> is cancelled, or when the domain leads elsewhere.
    /// </summary>
    public async LoopTask<bool> WaitAsync(Readiness wait, Mapping mapping, long until)
    {
        wait.IsSet = false;
        _waiting.Add((wait, mapping));
        if (!_isProbing)
            ProbeAsync().RunDetached(loop.Report);
        var result = await wait.WaitAsync(until - loop.NowMilliseconds);
        _waiting.Remove((wait, mapping));
        return result == WaitResult.Ready && isInForce(mapping);
    }

    private async LoopTask ProbeAsync()
    {
        _isProbing = true;
        var pause = new Readiness(loop);
        try
        {
            while (_waiting.Count > 0)
            {
                pause.IsSet = false;
                await pause.WaitAsync(Timeouts.Probe);
                WakeWhere(mapping => !isInForce(mapping));
                if (_waiting.Count > 0 && await probe())
                    WakeWhere(_ => true);
            }
        }
        finally
        {
            _isProbing = false;
        }
    }

    private void WakeWhere(Predicate<Mapping> isMeant)
    {
        foreach (var (wait, mapping) in _waiting.ToArray())
        {
            if (isMeant(mapping))
                wait.Signal();
        }
    }
}

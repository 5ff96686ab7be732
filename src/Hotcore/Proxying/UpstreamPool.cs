using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// The connections of one loop to the apps: kept-alive ones are taken again, new ones opened, and a request for a port that
/// refuses for a moment waits for it (a deploy, a restart). Belongs to one loop.
/// </summary>
internal sealed class UpstreamPool(ProxyLoop owner, EventLoop loop, PortStates states)
{
    private readonly Dictionary<int, UpstreamPort> _ports = [];
    private IdleSweep? _sweep;

    /// <summary>
    /// A connection for one exchange, which owns it then; null when nothing answers at the mapping's port, or when, while it
    /// waited, <paramref name="exchange"/> was abandoned or its domain was mapped elsewhere.
    /// </summary>
    public LoopTask<Upstream?> TakeAsync(Mapping mapping, Exchange exchange)
    {
        var port = PortOf(mapping.Port);
        return port.Take(exchange) is { } kept
            ? new LoopTask<Upstream?>(kept)
            : OpenOrWaitAsync(port, mapping, exchange);
    }

    /// <summary>Closes everything that is idle; returns how many connections that were.</summary>
    public int CloseIdle() => _ports.Values.Sum(port => port.CloseIdle());

    private UpstreamPort PortOf(int number)
    {
        if (!_ports.TryGetValue(number, out var port))
            _ports[number] = port = new UpstreamPort(number, states.Of(number), owner, loop, Sweep);
        return port;
    }

    private void Sweep() => (_sweep ??= new IdleSweep(loop, this)).Begin();

    private async LoopTask<Upstream?> OpenOrWaitAsync(UpstreamPort port, Mapping mapping, Exchange exchange)
    {
        if (await port.OpenAsync(exchange, mapping) is { } opened)
            return opened;
        return IsWorthWaitingFor(port, mapping) && !exchange.IsAbandoned
            ? await port.WaitForAnswerAsync(exchange, mapping, exchange.BeganAt + Timeouts.Hold)
            : null;
    }

    private bool IsWorthWaitingFor(UpstreamPort port, Mapping mapping) =>
        port.State.HasShownLifeWithin(Timeouts.HoldAfterAnswer, loop.NowMilliseconds)
        || (DateTimeOffset.UtcNow - mapping.MadeAt).TotalMilliseconds is >= 0 and <= Timeouts.HoldAfterAnswer;

    /// <summary>Looks now and then for connections that were idle for too long.</summary>
    private sealed class IdleSweep(EventLoop loop, UpstreamPool pool) : Deadline
    {
        private const long IntervalMilliseconds = 1_000;

        public void Begin()
        {
            if (DueAt == Never)
                loop.Timers.Set(this, loop.NowMilliseconds + IntervalMilliseconds);
        }

        internal override void OnDue()
        {
            var hasIdle = false;
            foreach (var port in pool._ports.Values)
            {
                port.CloseIdleSince(loop.NowMilliseconds - Timeouts.IdleUpstream);
                hasIdle |= port.HasIdle;
            }

            if (hasIdle)
                Begin();
        }
    }
}

using System.Net;
using Hotcore.Loops;
using Hotcore.Proxying.Http1;
using Hotcore.Proxying.Http2;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// One event loop with what a proxy needs on it: its clients, its connections to the apps, and exchanges to lend. Its thread
/// is its own; every member is for that thread alone, except where it says otherwise.
/// </summary>
internal sealed class ProxyLoop : IDisposable
{
    private readonly Thread _thread;
    private readonly LinkedList<ClientConnection> _clients = new();
    private readonly LinkedList<ClientConnection> _idle = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClientBudget _budget;
    private readonly GoingAwayDeadline _goingAway;
    private readonly long _goingAwayMilliseconds;
    private int _clientCount;

    public ProxyLoop(
        int number, Router router, PortStates ports, AnswerFaults faults, ClientBudget budget, Action<string> report,
        long goingAwayMilliseconds)
    {
        (Router, Faults) = (router, faults);
        _budget = budget;
        _goingAway = new GoingAwayDeadline(this);
        _goingAwayMilliseconds = goingAwayMilliseconds;
        Events = new EventLoop(report);
        Date = new DateField(Events);
        Upstreams = new UpstreamPool(this, Events, ports);
        Http1Exchanges = new ExchangePool<Http1Exchange>(Events, () => new Http1Exchange());
        Http2Exchanges = new ExchangePool<Http2Exchange>(Events, () => new Http2Exchange(Events));
        _thread = new Thread(Events.Run) { Name = $"loop {number}", IsBackground = true };
    }

    public EventLoop Events { get; }

    public Router Router { get; }

    /// <summary>Shared with the other loops.</summary>
    public AnswerFaults Faults { get; }

    public DateField Date { get; }

    public UpstreamPool Upstreams { get; }

    public ExchangePool<Http1Exchange> Http1Exchanges { get; }

    public ExchangePool<Http2Exchange> Http2Exchanges { get; }

    /// <summary>Made when the first client speaks HTTP/2.</summary>
    public Http2Scratch Http2Scratch => field ??= new Http2Scratch();

    /// <summary>hotcore is stopping, or another process takes its place: answers are finished, connections are not kept.</summary>
    public bool IsDraining { get; private set; }

    /// <summary>hotcore is stopping now: nobody is waited for.</summary>
    public bool IsHurried { get; private set; }

    /// <summary>Any thread: how many clients are on this loop, for spreading new ones evenly.</summary>
    public int ClientCount => Volatile.Read(ref _clientCount);

    /// <summary>Starts the loop's thread.</summary>
    public void Start() => _thread.Start();

    /// <summary>Takes over an accepted socket and serves it, over TLS where <paramref name="tls"/> is given. It was counted by <see cref="Expect"/> and by the budget.</summary>
    public void Adopt(int fd, IPAddress address, TlsContext? tls)
    {
        ClientConnection client;
        try
        {
            var connection = tls is null ? new Connection(Events, fd) : new TlsConnection(Events, fd, tls);
            client = new ClientConnection(this, connection, new ForwardedFields(address, tls is null ? "http" : "https"));
        }
        catch (IOException fault)
        {
            Leave();
            Events.Report(fault);
            return;
        }

        _clients.AddLast(client.Node);
        client.RunAsync().RunDetached(Events.Report);
    }

    /// <summary>Any thread: counts a client that is about to be adopted.</summary>
    public void Expect() => Interlocked.Increment(ref _clientCount);

    public void BecomesIdle(ClientConnection client) => _idle.AddLast(client.IdleNode);

    public void BecomesBusy(ClientConnection client)
    {
        if (client.IsIdle)
            _idle.Remove(client.IdleNode);
    }

    /// <summary>A client is closed; safe to repeat.</summary>
    public void Forget(ClientConnection client)
    {
        if (client.Node.List is null)
            return;
        _clients.Remove(client.Node);
        Leave();
    }

    /// <summary>Closes up to <paramref name="most"/> clients that have been idle for longest; returns how many.</summary>
    public int CloseIdleClients(int most)
    {
        var closed = 0;
        while (closed < most && _idle.First is { } node)
        {
            _idle.Remove(node);
            node.Value.End();
            closed++;
        }

        return closed;
    }

    /// <summary>
    /// Descriptors have run out: closes the idle connections to the apps, and a quarter of the clients, those idle for longest.
    /// True when that helped.
    /// </summary>
    public bool FreeDescriptors() => Upstreams.CloseIdle() + CloseIdleClients((_idle.Count + 3) / 4) > 0;

    /// <summary>
    /// Any thread: finishes what is in flight, and closes what is idle or, where that <paramref name="isHurried"/> not, lets it
    /// have one more answer; the task ends when no client is left.
    /// </summary>
    public Task DrainAsync(bool isHurried)
    {
        Events.Post(() =>
        {
            IsDraining = true;
            IsHurried |= isHurried;
            foreach (var client in _clients.ToArray())
                client.Drain();
            Upstreams.CloseIdle();
            if (_clients.Count == 0)
                _drained.TrySetResult();
        });
        return _drained.Task;
    }

    /// <summary>
    /// Any thread: closes every client that is left, in the middle of whatever it does; those with WebSockets a moment later,
    /// when they were told.
    /// </summary>
    public void CloseAll() => Events.Post(() =>
    {
        foreach (var client in _clients.ToArray())
            client.GoAway();
        Events.Timers.Set(_goingAway, Events.NowMilliseconds + _goingAwayMilliseconds);
    });

    /// <summary>Any thread but the loop's own: ends the loop and waits for its thread.</summary>
    public void Stop()
    {
        Events.Stop();
        if (_thread.IsAlive)
            _thread.Join();
    }

    /// <summary>Gives the loop's descriptors back; nobody may post to it any more.</summary>
    public void Dispose() => Events.Dispose();

    private void Leave()
    {
        Interlocked.Decrement(ref _clientCount);
        _budget.Leave();
        if (IsDraining && _clients.Count == 0)
            _drained.TrySetResult();
    }

    private sealed class GoingAwayDeadline(ProxyLoop loop) : Deadline
    {
        internal override void OnDue()
        {
            foreach (var client in loop._clients.ToArray())
                client.End();
        }
    }
}

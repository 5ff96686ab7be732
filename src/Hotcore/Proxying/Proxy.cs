using System.Net;
using System.Net.Sockets;
using Hotcore.Loops;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// The proxy as a whole: one loop for each core, the listening sockets, and how they start and stop. Owns all of them.
/// </summary>
internal sealed class Proxy : IDisposable
{
    private readonly ClientBudget _budget = new(TcpConnector.DescriptorLimit());
    private readonly ProxyLoop[] _loops;
    private readonly List<(Socket Socket, bool IsSecure)> _sockets = [];
    private readonly List<(ProxyLoop Loop, Listener Listener)> _listeners = [];
    private readonly MemoryReturn _memoryReturn;
    private readonly Action<string> _report;

    /// <summary>
    /// Makes and starts the loops; nothing listens yet. <paramref name="report"/> is called on loops and must not block.
    /// <paramref name="goingAwayMilliseconds"/> is for WebSockets at a stop.
    /// </summary>
    public Proxy(Router router, int loops, Action<string> report, long goingAwayMilliseconds = Timeouts.GoingAway)
    {
        _report = report;
        Faults = new AnswerFaults(TimeProvider.System, report);
        _loops = [.. Enumerable.Range(0, loops).Select(n => new ProxyLoop(n, router, Ports, Faults, _budget, report, goingAwayMilliseconds))];
        foreach (var loop in _loops)
            loop.Start();
        _memoryReturn = new MemoryReturn(() => _loops.Sum(loop => loop.Events.Buffers.LetGoBytes));
    }

    /// <summary>What was wrong with the apps' answers.</summary>
    public AnswerFaults Faults { get; }

    /// <summary>The loops; they stay this object's own. For tests, which look into them.</summary>
    internal IReadOnlyList<ProxyLoop> Loops => _loops;

    /// <summary>What is known of the apps' ports.</summary>
    public PortStates Ports { get; } = new();

    /// <summary>How many clients are connected.</summary>
    public int ClientCount => _loops.Sum(loop => loop.ClientCount);

    /// <summary>The sockets it accepts at, over TLS or not; they stay this object's own.</summary>
    public IReadOnlyList<Socket> Sockets(bool isSecure) => [.. _sockets.Where(s => s.IsSecure == isSecure).Select(s => s.Socket)];

    /// <summary>
    /// Begins to accept at <paramref name="address"/>, over TLS where <paramref name="tls"/> is given; returns the address as
    /// the kernel has it.
    /// </summary>
    /// <exception cref="SocketException">The address is taken, or not ours to take.</exception>
    public IPEndPoint Listen(IPEndPoint address, TlsContext? tls = null) => Listen(Listener.Open(address), tls);

    /// <summary>Begins to accept at a socket that listens already, and owns it from now on.</summary>
    public IPEndPoint Listen(Socket socket, TlsContext? tls = null)
    {
        _sockets.Add((socket, tls is not null));
        foreach (var loop in _loops)
        {
            var listener = new Listener(socket, tls, loop, _loops, _budget, _report);
            _listeners.Add((loop, listener));
            loop.Events.Post(listener.Start);
        }

        return (IPEndPoint)socket.LocalEndPoint!;
    }

    /// <summary>
    /// Stops accepting everywhere; clients that are connected stay. Where another process has the sockets too, none is refused.
    /// </summary>
    public async Task StopListeningAsync()
    {
        await Task.WhenAll(_listeners.Select(pair => RunOn(pair.Loop, pair.Listener.Stop)));
        // Once more: the kernel may have woken this process alone for a connection. Then close without delay: unless another
        // process has the socket, what is in its queue at that instant is reset.
        await Task.WhenAll(_listeners.Select(pair => RunOn(pair.Loop, pair.Listener.AcceptLast)));
        CloseSockets();
        _listeners.Clear();
    }

    /// <summary>
    /// Lets every client finish in its own time, and then leave for another process: an idle one is answered once more.
    /// Completes when no client is left.
    /// </summary>
    public Task DrainAsync() => Task.WhenAll(_loops.Select(loop => loop.DrainAsync(isHurried: false)));

    /// <summary>
    /// Stops accepting, finishes what is in flight for up to <paramref name="patience"/>, then closes what is left.
    /// </summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await StopListeningAsync();
        var drained = Task.WhenAll(_loops.Select(loop => loop.DrainAsync(isHurried: true)));
        if (await Task.WhenAny(drained, Task.Delay(patience)) == drained)
            return;
        _report($"stopping: {ClientCount} connections did not finish within {patience.TotalSeconds:0} s and are closed");
        foreach (var loop in _loops)
            loop.CloseAll();
        await drained;
    }

    /// <summary>Ends the loops; what is still open is cut.</summary>
    public void Dispose()
    {
        _memoryReturn.Dispose();
        CloseSockets();
        foreach (var loop in _loops)
            loop.Stop();
        foreach (var loop in _loops)
            loop.Dispose();
    }

    private static Task RunOn(ProxyLoop loop, Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Events.Post(() =>
        {
            action();
            done.SetResult();
        });
        return done.Task;
    }

    private void CloseSockets()
    {
        foreach (var (socket, _) in _sockets)
            socket.Dispose();
        _sockets.Clear();
    }
}

using System.Net;
using System.Net.Sockets;
using Hotcore.Loops;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// Accepts clients of one listening socket on one loop. Every loop has a listener for every socket, the kernel wakes one of
/// them for each connection, and that one hands the client to the loop with the fewest: the kernel's own spreading (by wake-up
/// order or, with SO_REUSEPORT, by hash) leaves one of two loops nearly idle when there are few connections.
/// </summary>
internal sealed class Listener : Registration
{
    private const int AcceptsPerTurn = 64;

    private readonly Socket _socket;
    private readonly ProxyLoop _loop;
    private readonly ProxyLoop[] _loops;
    private readonly ClientBudget _budget;
    private readonly TlsContext? _tls;
    private readonly Action<string> _report;
    private readonly Resumption _resumption;
    private bool _isStopped;

    /// <summary>
    /// <paramref name="socket"/> is shared with the listeners of the other loops and stays the caller's. With
    /// <paramref name="tls"/>, clients speak TLS.
    /// </summary>
    public Listener(
        Socket socket, TlsContext? tls, ProxyLoop loop, ProxyLoop[] loops, ClientBudget budget, Action<string> report)
    {
        (_socket, _tls, _loop, _loops, _budget, _report) = (socket, tls, loop, loops, budget, report);
        _resumption = new Resumption(this);
    }

    private int Descriptor => (int)_socket.Handle;

    /// <summary>Opens a listening socket for all loops; options that every accepted connection inherits are set here, once.</summary>
    /// <exception cref="SocketException">The address is taken, or not ours to take.</exception>
    public static Socket Open(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = address.Address.Equals(IPAddress.IPv6Any);
            // A restart need not wait for the connections of the process before: .NET sets SO_REUSEADDR itself. Its own
            // ReuseAddress would set SO_REUSEPORT as well, and let a second process take half of the clients.
            socket.NoDelay = true;
            // The kernel finds out, within minutes, about clients that vanished without a word.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 20);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
            socket.Blocking = false;
            socket.Bind(address);
            socket.Listen(4096);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>On the loop: begins to accept.</summary>
    public void Start() =>
        _loop.Events.Register(this, Descriptor, Libc.EPOLLIN | Libc.EPOLLEXCLUSIVE);

    /// <summary>On the loop: waits for no more connections.</summary>
    public void Stop()
    {
        _isStopped = true;
        _loop.Events.Unregister(this, Descriptor);
    }

    /// <summary>On the loop, after <see cref="Stop"/>: accepts what the kernel has accepted already.</summary>
    public void AcceptLast() => AcceptWaiting(int.MaxValue);

    internal override void OnEvents(uint events) => AcceptWaiting(AcceptsPerTurn);

    internal override void OnFault(Exception fault) => Pause();

    private void AcceptWaiting(int most)
    {
        for (var accepted = 0; accepted < most; accepted++)
        {
            if (!_budget.TryEnter())
            {
                MakeRoom();
                return;
            }

            var fd = TcpConnector.Accept(Descriptor, out var address);
            if (fd < 0)
            {
                _budget.Leave();
                if (fd is -Libc.EMFILE or -Libc.ENFILE)
                    MakeRoom();
                return;
            }

            Hand(fd, address);
        }
    }

    private void Hand(int fd, IPAddress address)
    {
        var target = LeastBusy();
        target.Expect();
        if (target == _loop)
            _loop.Adopt(fd, address, _tls);
        else
            target.Events.Post(() => target.Adopt(fd, address, _tls));
    }

    private ProxyLoop LeastBusy()
    {
        var least = _loop;
        foreach (var loop in _loops)
        {
            if (loop.ClientCount < least.ClientCount)
                least = loop;
        }

        return least;
    }

    /// <summary>No descriptor, or no place, is left: clients that are idle make room, and accepting pauses meanwhile.</summary>
    private void MakeRoom()
    {
        foreach (var loop in _loops)
            loop.Events.Post(() => loop.FreeDescriptors());
        Pause();
    }

    private void Pause()
    {
        if (_isStopped)
            return;
        _loop.Events.Unregister(this, Descriptor);
        _loop.Events.Timers.Set(_resumption, _loop.Events.NowMilliseconds + Timeouts.AcceptPause);
    }

    private void Resume()
    {
        if (_isStopped || Slot >= 0)
            return;
        try
        {
            Start();
        }
        catch (IOException refused)
        {
            _report($"cannot accept yet: {refused.Message}");
            Pause();
        }
    }

    private sealed class Resumption(Listener listener) : Deadline
    {
        internal override void OnDue() => listener.Resume();
    }
}

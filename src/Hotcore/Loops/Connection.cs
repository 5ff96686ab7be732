namespace Hotcore.Loops;

/// <summary>
/// One TCP connection on one loop. Owns its descriptor. Receiving and sending are tries that never wait; when one says
/// <see cref="WouldBlock"/>, await <see cref="Readable"/> or <see cref="Writable"/> and try again.
/// </summary>
/// <remarks>
/// The descriptor is registered once, edge-triggered, for both directions, so no request costs an epoll_ctl. A receive that
/// comes back short has emptied the socket (epoll(7)), and the next try is answered without a system call until an edge
/// says otherwise.
/// </remarks>
internal class Connection : Registration
{
    /// <summary>Nothing to receive, or no room to send, for now.</summary>
    public const int WouldBlock = -1;

    /// <summary>The connection is broken or closed on our side; it can only be closed.</summary>
    public const int Failed = -2;

    private readonly int _fd;
    private bool _isClosed;
    private bool _hasNews;

    /// <summary>Takes over <paramref name="fd"/>, a connected (or connecting) non-blocking socket.</summary>
    /// <exception cref="IOException">The kernel would not watch it; the descriptor is closed then.</exception>
    public Connection(EventLoop loop, int fd)
    {
        Loop = loop;
        _fd = fd;
        Readable = new Readiness(loop);
        Writable = new Readiness(loop);
        try
        {
            loop.Register(this, fd, Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLRDHUP | Libc.EPOLLET);
        }
        catch (IOException)
        {
            _ = Libc.close(fd);
            throw;
        }
    }

    public EventLoop Loop { get; }

    public Readiness Readable { get; }

    public Readiness Writable { get; }

    /// <summary>The peer has sent its last byte (FIN). What it sent before may still be waiting to be received.</summary>
    public bool PeerHasFinished { get; private set; }

    /// <summary>The connection is reset or timed out: nothing more will pass in either direction.</summary>
    public bool IsBroken { get; private set; }

    public bool IsClosed => _isClosed;

    /// <summary>How many bytes the kernel has taken to send so far.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Told, on the loop, of input or of an end that arrives while no method waits to receive.</summary>
    public Action? WhenUnawaitedInput { get; set; }

    /// <summary>Receives what is there: the number of bytes, 0 at the end, <see cref="WouldBlock"/> or <see cref="Failed"/>.</summary>
    public virtual int TryReceive(Span<byte> buffer) => ReceiveFromSocket(buffer);

    /// <summary>Sends what fits: the number of bytes (fewer than given when the socket is full), <see cref="WouldBlock"/> or <see cref="Failed"/>.</summary>
    public virtual int TrySend(ReadOnlySpan<byte> bytes) => SendToSocket(bytes);

    /// <summary>
    /// What a receive would find, taking nothing: 1 where there are bytes, 0 at the end, <see cref="WouldBlock"/> or
    /// <see cref="Failed"/>. Asks the kernel, whatever it said before.
    /// </summary>
    public virtual unsafe int TryPeek()
    {
        if (_isClosed)
            return Failed;
        byte one;
        var received = Libc.recv(_fd, &one, 1, Libc.MSG_PEEK | Libc.MSG_DONTWAIT);
        return received >= 0 ? (int)received : Libc.LastError == Libc.EAGAIN ? WouldBlock : Failed;
    }

    /// <summary>Whether nothing is left to receive for now; the kernel is asked only where it may know more than was received.</summary>
    public virtual bool IsDrained => !Readable.IsSet || TryPeek() == WouldBlock;

    /// <summary>Sends all of <paramref name="bytes"/>; false when the connection broke, was closed, or took nothing for the time given.</summary>
    public LoopTask<bool> SendAsync(ReadOnlyMemory<byte> bytes, long timeoutMilliseconds)
    {
        var sent = TrySend(bytes.Span);
        return sent == bytes.Length
            ? new LoopTask<bool>(true)
            : SendRestAsync(sent > 0 ? bytes[sent..] : bytes, sent, timeoutMilliseconds);
    }

    /// <summary>
    /// Whether the connection is as an idle one must be: open, and nothing received that nobody asked for. When the kernel was
    /// asked for events since <paramref name="idleSinceRound"/>, its news is known; otherwise it is asked now.
    /// </summary>
    public bool IsSilent(uint idleSinceRound)
    {
        if (_isClosed || IsBroken || PeerHasFinished || _hasNews)
            return false;
        return idleSinceRound != Loop.Round || TryPeek() == WouldBlock;
    }

    /// <summary>The error of a connect that was in progress: 0 once connected.</summary>
    public unsafe int TakeConnectError()
    {
        var error = 0;
        var length = sizeof(int);
        return Libc.getsockopt(_fd, Libc.SOL_SOCKET, Libc.SO_ERROR, &error, &length) < 0 ? Libc.LastError : error;
    }

    /// <summary>Says that we have sent our last byte; receiving goes on.</summary>
    public virtual void FinishSending()
    {
        if (!_isClosed)
            _ = Libc.shutdown(_fd, Libc.SHUT_WR); // Fails only on a connection that is gone, which the next try tells.
    }

    /// <summary>Closes with a reset, so that the peer cannot take what it has for the whole.</summary>
    public virtual unsafe void Abort()
    {
        if (_isClosed)
            return;
        var linger = stackalloc int[2] { 1, 0 };
        _ = Libc.setsockopt(_fd, Libc.SOL_SOCKET, Libc.SO_LINGER, linger, 2 * sizeof(int));
        Close();
    }

    /// <summary>Closes; whoever waits continues with <see cref="WaitResult.Cancelled"/>. Safe to repeat.</summary>
    public virtual void Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        WhenUnawaitedInput = null;
        Loop.Unregister(this, _fd);
        _ = Libc.close(_fd);
        Readable.Cancel();
        Writable.Cancel();
        (Readable.IsSet, Writable.IsSet) = (true, true); // Later waits end at once, and the try behind them says Failed.
    }

    internal override void Note(uint events) =>
        _hasNews |= (events & (Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0;

    internal override void OnEvents(uint events)
    {
        if ((events & Libc.EPOLLERR) != 0)
            IsBroken = true;
        if ((events & (Libc.EPOLLRDHUP | Libc.EPOLLHUP | Libc.EPOLLERR)) != 0)
            PeerHasFinished = true;
        if ((events & (Libc.EPOLLOUT | Libc.EPOLLERR | Libc.EPOLLHUP)) != 0 && !Writable.IsSet)
            Writable.Signal();
        if (_isClosed || (events & (Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLERR | Libc.EPOLLHUP)) == 0)
            return;
        _hasNews = false;
        var wasAwaited = Readable.IsAwaited;
        Readable.Signal();
        if (!wasAwaited)
            WhenUnawaitedInput?.Invoke();
    }

    internal override void OnFault(Exception fault) => Close();

    /// <summary>The try to receive, from the socket itself.</summary>
    protected unsafe int ReceiveFromSocket(Span<byte> buffer)
    {
        if (_isClosed)
            return Failed;
        if (!Readable.IsSet)
            return WouldBlock;
        nint received;
        fixed (byte* pointer = buffer)
            received = Libc.recv(_fd, pointer, (nuint)buffer.Length, Libc.MSG_DONTWAIT);
        if (received < 0)
            return FailedOrWouldBlock(Readable);
        if (received < buffer.Length && !PeerHasFinished)
            Readable.IsSet = false;
        return (int)received;
    }

    /// <summary>The try to send, to the socket itself.</summary>
    protected unsafe int SendToSocket(ReadOnlySpan<byte> bytes)
    {
        if (_isClosed)
            return Failed;
        if (!Writable.IsSet)
            return WouldBlock;
        nint sent;
        fixed (byte* pointer = bytes)
            sent = Libc.send(_fd, pointer, (nuint)bytes.Length, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
        if (sent < 0)
            return FailedOrWouldBlock(Writable);
        SentBytes += sent;
        if (sent < bytes.Length)
            Writable.IsSet = false;
        return (int)sent;
    }

    private static int FailedOrWouldBlock(Readiness direction)
    {
        if (Libc.LastError != Libc.EAGAIN)
            return Failed;
        direction.IsSet = false;
        return WouldBlock;
    }

    private async LoopTask<bool> SendRestAsync(ReadOnlyMemory<byte> rest, int firstTry, long timeoutMilliseconds)
    {
        var sent = firstTry;
        while (sent != Failed)
        {
            if (await Writable.WaitAsync(timeoutMilliseconds) != WaitResult.Ready)
                return false;
            sent = TrySend(rest.Span);
            if (sent == rest.Length)
                return true;
            if (sent > 0)
                rest = rest[sent..];
        }

        return false;
    }
}

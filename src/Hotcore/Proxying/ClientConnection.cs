using Hotcore.Loops;
using Hotcore.Proxying.Http1;
using Hotcore.Proxying.Http2;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// One client: its connection from the handshake to the last byte, and the session in the protocol it chose. Owns its
/// <see cref="Connection"/>, buffers and session; belongs to one loop.
/// </summary>
internal sealed class ClientConnection
{
    private const long MostLingerBytes = 1024 * 1024;

    private readonly TlsConnection? _tls;
    private ClientSession? _session;
    private LinkedList<Http1Upstream>? _ownUpstreams;

    public ClientConnection(ProxyLoop loop, Connection connection, ForwardedFields forwarded)
    {
        Loop = loop;
        Connection = connection;
        _tls = connection as TlsConnection;
        Forwarded = forwarded;
        Input = new ReceiveBuffer(connection.Loop.Buffers);
        Output = new SendBuffer(connection.Loop.Buffers);
        IdleNode = new LinkedListNode<ClientConnection>(this);
        Node = new LinkedListNode<ClientConnection>(this);
        connection.WhenUnawaitedInput = () => _session?.NoticeInput();
    }

    public ProxyLoop Loop { get; }

    public Connection Connection { get; }

    public ForwardedFields Forwarded { get; }

    /// <summary>The client came over TLS.</summary>
    public bool IsSecure => _tls is { IsPlain: false };

    /// <summary>It came without, to a port that is for TLS: whatever it asks for, it is to come again over HTTPS.</summary>
    public bool MissesTls => _tls is { IsPlain: true };

    /// <summary>The name it asked for in the TLS handshake.</summary>
    public ReadOnlySpan<byte> ServerName => _tls is null ? default : _tls.ServerName;

    /// <summary>What the client sent and hotcore has not used yet: heads, bodies, and requests that are ahead of their turn.</summary>
    public ReceiveBuffer Input { get; }

    public SendBuffer Output { get; }

    /// <summary>Its place among the loop's clients.</summary>
    public LinkedListNode<ClientConnection> Node { get; }

    /// <summary>Its place among the idle ones.</summary>
    public LinkedListNode<ClientConnection> IdleNode { get; }

    /// <summary>The idle connections to apps that serve this client alone, those used last first; they end with it.</summary>
    public LinkedList<Http1Upstream> OwnUpstreams => _ownUpstreams ??= new LinkedList<Http1Upstream>();

    public bool HasOwnUpstreams => _ownUpstreams is { Count: > 0 };

    /// <summary>It waits for a request, and has none in flight.</summary>
    public bool IsIdle => IdleNode.List is not null;

    /// <summary>Serves the client to its end; the connection is closed afterwards, whatever happened.</summary>
    public async LoopTask RunAsync()
    {
        try
        {
            if (_tls is not null && !await ShakeHandsAsync(_tls))
                return;
            _session = await ChooseSessionAsync();
            if (_session is null)
                return;
            await _session.RunAsync();
            // Closing over bytes that nobody has read is a reset, and would take back what the client has not read yet.
            if (_session.MustLinger || !Input.IsEmpty || Connection.Readable.IsSet)
                await LingerAsync(_session.IsOwedPatience);
        }
        finally
        {
            Close();
        }
    }

    /// <summary>
    /// Waits, idle and without a buffer, for something to read; true at once where something is there already.
    /// <paramref name="patienceMilliseconds"/> is shorter when hotcore is stopping.
    /// </summary>
    public async LoopTask<bool> WaitForInputAsync(long patienceMilliseconds)
    {
        if (!Input.IsEmpty)
            return true; // It was sent ahead of its turn.
        Loop.BecomesIdle(this);
        try
        {
            while (true)
            {
                var received = Input.FillFrom(Connection);
                if (received > 0)
                    return true;
                Input.ReleaseIfEmpty();
                if (received != Connection.WouldBlock)
                    return false;
                if (await Connection.Readable.WaitAsync(Loop.IsHurried ? Timeouts.Drain : patienceMilliseconds) != WaitResult.Ready)
                    return false;
            }
        }
        finally
        {
            Loop.BecomesBusy(this);
        }
    }

    /// <summary>hotcore is stopping: whoever waits for this client's input waits a moment longer, and no more.</summary>
    public void HurryUp() =>
        Connection.Loop.Timers.Set(Connection.Readable, Connection.Loop.NowMilliseconds + Timeouts.Drain);

    /// <summary>Ends the client's present work from outside of it; it closes itself in the next round.</summary>
    public void End()
    {
        _session?.Abandon();
        Connection.Close();
    }

    /// <summary>hotcore is stopping and waits no longer: ends the client, at once unless WebSockets are to be closed first.</summary>
    public void GoAway()
    {
        if (_session?.TryGoAway() != true)
            End();
    }

    /// <summary>hotcore is draining: ends the client as soon as what is in flight is finished.</summary>
    public void Drain()
    {
        if (_session is not null)
            _session.Drain();
        else if (Loop.IsHurried)
            HurryUp();
    }

    private static async LoopTask<bool> ShakeHandsAsync(TlsConnection tls) =>
        (await tls.HandshakeAsync(Timeouts.Handshake, Timeouts.FirstCertificate) && !tls.IsChallenge) || tls.IsPlain;

    /// <summary>
    /// Over TLS the handshake has settled the protocol (RFC 7301); without, a client that knows that hotcore speaks HTTP/2 begins
    /// with the preface (RFC 9113 3.3). Null when the client has nothing to say.
    /// </summary>
    private async LoopTask<ClientSession?> ChooseSessionAsync()
    {
        if (_tls is not null)
            return _tls.SpeaksHttp2 ? new Http2Session(this) : new Http1Session(this);
        if (!await WaitForInputAsync(Timeouts.RequestHead))
            return null;
        return await Preface.ReceiveAsync(Connection, Input) switch
        {
            PrefaceMatch.Whole => new Http2Session(this),
            PrefaceMatch.No => new Http1Session(this),
            _ => null,
        };
    }

    /// <summary>
    /// Reads on until the client has seen the last answer, and closes or falls silent: one that sends a long body before it reads
    /// would lose the answer to a reset (RFC 9112 9.6). One whose request was refused has less time, and is read less of.
    /// </summary>
    private async LoopTask LingerAsync(bool isOwedPatience)
    {
        Connection.FinishSending();
        Input.Release();
        var began = Connection.Loop.NowMilliseconds;
        for (var bytes = 0L; isOwedPatience || bytes < MostLingerBytes;)
        {
            var received = Input.FillFrom(Connection);
            Input.Release();
            bytes += Math.Max(received, 0);
            var most = isOwedPatience && !Loop.IsHurried ? Timeouts.LongestLinger : Timeouts.Linger;
            var left = Math.Min(Timeouts.Linger, began + most - Connection.Loop.NowMilliseconds);
            if (received is 0 or Connection.Failed || left <= 0)
                return;
            if (received != Connection.WouldBlock)
                await Connection.Loop.YieldAsync();
            else if (await Connection.Readable.WaitAsync(left) != WaitResult.Ready)
                return;
        }
    }

    /// <summary>Closes at once and gives everything back. Safe to repeat.</summary>
    private void Close()
    {
        Connection.Close();
        Input.Release();
        Output.Release();
        while (_ownUpstreams?.First is { } own)
            own.Value.Close();
        Loop.Forget(this);
    }
}

using System.Text;
using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;
using Hotcore.Mappings;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// One client and its requests, one after another, until either side has enough. Owns its <see cref="Connection"/> and
/// buffers; between requests it holds no buffer and no exchange. Belongs to one loop.
/// </summary>
internal sealed class ClientConnection
{
    private const int RequestsPerTurn = 64;
    private const long MostLingerBytes = 1024 * 1024;

    private readonly TlsConnection? _tls;
    private readonly HalfClosedDeadline _halfClosed;
    private Exchange? _exchange;
    private bool _isTunnel;
    private long _servedRequests;
    private bool _mustLinger;

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
        _halfClosed = new HalfClosedDeadline(this);
        connection.WhenUnawaitedInput = NoticeEnd;
    }

    public ProxyLoop Loop { get; }

    public Connection Connection { get; }

    public ForwardedFields Forwarded { get; }

    /// <summary>What the client sent and hotcore has not used yet: heads, bodies, and requests that are ahead of their turn.</summary>
    public ReceiveBuffer Input { get; }

    public SendBuffer Output { get; }

    /// <summary>Its place among the loop's clients.</summary>
    public LinkedListNode<ClientConnection> Node { get; }

    /// <summary>Its place among the idle ones.</summary>
    public LinkedListNode<ClientConnection> IdleNode { get; }

    /// <summary>Serves the client to its end; the connection is closed afterwards, whatever happened.</summary>
    public async LoopTask RunAsync()
    {
        try
        {
            if (_tls is not null && !await ShakeHandsAsync(_tls))
                return;
            while (await WaitForRequestAsync() && await ServeRequestAsync())
            {
                // One client's requests that are there already must not keep the others waiting.
                if (++_servedRequests % RequestsPerTurn == 0)
                    await Connection.Loop.YieldAsync();
            }

            // Closing over bytes that nobody has read is a reset, and would take back what the client has not read yet.
            if (_mustLinger || !Input.IsEmpty || Connection.Readable.IsSet)
                await LingerAsync();
        }
        finally
        {
            Close();
        }
    }

    /// <summary>Answers with a page of hotcore's own; true when the client may send another request.</summary>
    public LoopTask<bool> AnswerAsync(Exchange exchange, ErrorPage page)
    {
        if (exchange.HasBegunAnswer || exchange.IsAbandoned)
            return new LoopTask<bool>(false);
        var staysOpen = BeginOwnAnswer(exchange);
        page.Write(Output, exchange.WantsHtml, exchange.AnswersHead, ConnectionField(exchange, staysOpen));
        return EndOwnAnswerAsync(staysOpen);
    }

    /// <summary>The connection's own field of an answer, or none where the version's default says it.</summary>
    public static ReadOnlySpan<byte> ConnectionField(Exchange exchange, bool staysOpen) =>
        !staysOpen ? "Connection: close\r\n"u8
        : exchange.IsHttp10 ? "Connection: keep-alive\r\n"u8
        : default;

    /// <summary>Whether, as far as the client and hotcore are concerned, the connection goes on after this exchange.</summary>
    public bool StaysOpen(Exchange exchange) =>
        exchange.IsPersistent && !Loop.IsDraining
        && !exchange.WantsUpgrade; // Refused: what the client sent meanwhile may be a request or the other protocol.

    /// <summary>From now on the connection lives as long as both its ends do.</summary>
    public void BeginTunnel()
    {
        _isTunnel = true;
        Connection.Loop.Timers.Remove(_halfClosed);
    }

    /// <summary>The client is still sending when its last answer is complete.</summary>
    public void LingersAtEnd() => _mustLinger = true;

    /// <summary>The answer broke off; the client must not take what it has for the whole.</summary>
    public void CutOff(BodyFraming framing)
    {
        if (framing == BodyFraming.UntilClose)
            Connection.Abort();
    }

    /// <summary>Closes at once and gives everything back. Safe to repeat.</summary>
    public void Close()
    {
        Connection.Loop.Timers.Remove(_halfClosed);
        Connection.Close();
        Input.Release();
        Output.Release();
        Loop.Forget(this);
    }

    /// <summary>Ends the client's present work from outside of it; it closes itself in the next round.</summary>
    public void End()
    {
        _exchange?.Abandon();
        Connection.Close();
    }

    /// <summary>
    /// hotcore is stopping: ends the client if it is idle. One that was accepted just now, or is in the middle of a head, has a
    /// moment left to say what it came for.
    /// </summary>
    public void Drain()
    {
        if (IdleNode.List is not null && _servedRequests > 0)
            End();
        else if (IdleNode.List is not null || _exchange?.HasHead == false)
            Connection.Loop.Timers.Set(Connection.Readable, Connection.Loop.NowMilliseconds + Timeouts.Drain);
    }

    private bool BeginOwnAnswer(Exchange exchange)
    {
        exchange.HasBegunAnswer = true;
        // What would follow a body that nobody took apart cannot be told.
        var staysOpen = StaysOpen(exchange) && !exchange.HasBody;
        _mustLinger |= !staysOpen;
        return staysOpen;
    }

    private async LoopTask<bool> EndOwnAnswerAsync(bool staysOpen) =>
        await Output.FlushAsync(Connection, Timeouts.SilentClient) && staysOpen;

    private async LoopTask<bool> WaitForRequestAsync()
    {
        if (!Input.IsEmpty)
            return true; // It was sent ahead of its turn.
        if (Loop.IsDraining && _servedRequests > 0)
            return false;
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
                var patience = Loop.IsDraining ? Timeouts.Drain : _servedRequests > 0 ? Timeouts.IdleClient : Timeouts.RequestHead;
                if (await Connection.Readable.WaitAsync(patience) != WaitResult.Ready)
                    return false;
            }
        }
        finally
        {
            Loop.BecomesBusy(this);
        }
    }

    private async LoopTask<bool> ServeRequestAsync()
    {
        var exchange = _exchange = Loop.RentExchange();
        if (Connection.PeerHasFinished)
            _halfClosed.Begin();
        try
        {
            var staysOpen = await ReceiveHeadAsync(exchange) && await RouteAsync(exchange);
            Loop.Return(exchange);
            return staysOpen;
        }
        finally
        {
            exchange.Upstream?.Close(); // After a fault; an exchange that ended well has settled it.
            _exchange = null;
            Timers.Clear(_halfClosed);
        }
    }

    private LoopTask<bool> RouteAsync(Exchange exchange)
    {
        var request = exchange.Request;
        if (_tls is not null && Router.IsMisdirected(request, _tls.ServerName))
            return AnswerAsync(exchange, ErrorPage.Misdirected);
        if (_tls is null && Loop.Router.TryAnswerChallenge(request, out var keyAuthorization))
            return AnswerChallengeAsync(exchange, keyAuthorization!);
        if (Loop.Router.Find(request) is not { } mapping)
            return AnswerAsync(exchange, ErrorPage.UnknownDomain(Encoding.ASCII.GetString(request.Host)));
        return _tls is null && Loop.Router.Upgrade.Wants(request, mapping, Forwarded)
            ? RedirectAsync(exchange, mapping)
            : Forwarder.ForwardAsync(this, exchange, mapping);
    }

    private static async LoopTask<bool> ShakeHandsAsync(TlsConnection tls) =>
        await tls.HandshakeAsync(Timeouts.Handshake, Timeouts.FirstCertificate) && !tls.IsChallenge;

    private LoopTask<bool> RedirectAsync(Exchange exchange, Mapping mapping)
    {
        var staysOpen = BeginOwnAnswer(exchange);
        Loop.Router.Upgrade.WriteRedirect(Output, exchange.Request, mapping, ConnectionField(exchange, staysOpen));
        return EndOwnAnswerAsync(staysOpen);
    }

    private LoopTask<bool> AnswerChallengeAsync(Exchange exchange, byte[] keyAuthorization)
    {
        var staysOpen = BeginOwnAnswer(exchange);
        Output.Append("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: "u8);
        Output.AppendDecimal(keyAuthorization.Length);
        Output.Append("\r\n"u8);
        Output.Append(ConnectionField(exchange, staysOpen));
        Output.Append("\r\n"u8);
        if (!exchange.AnswersHead)
            Output.Append(keyAuthorization);
        return EndOwnAnswerAsync(staysOpen);
    }

    /// <summary>Receives the rest of the head; false when there is none to serve, and the client was told why.</summary>
    private async LoopTask<bool> ReceiveHeadAsync(Exchange exchange)
    {
        exchange.Begin(Connection.Loop.NowMilliseconds);
        while (true)
        {
            var status = exchange.RequestParser.Parse(exchange.Request, Input.Bytes, Input.Start, Input.Length);
            if (status == ParseStatus.Complete)
            {
                Input.Consume(exchange.RequestParser.HeadLength);
                exchange.RememberHead();
                return true;
            }

            if (status == ParseStatus.Invalid)
                return await RefuseAsync(exchange, ErrorPage.Refused(exchange.RequestParser.Refusal!));
            var received = Input.FillFrom(Connection);
            if (received is 0 or Connection.Failed)
                return false;
            if (received != Connection.WouldBlock)
                continue;
            var patience = Math.Max(0, exchange.BeganAt + Timeouts.RequestHead - Connection.Loop.NowMilliseconds);
            if (await Connection.Readable.WaitAsync(patience) == WaitResult.TimedOut)
                return !IsLeftover() && await RefuseAsync(exchange, ErrorPage.TooSlow);
        }
    }

    /// <summary>All there is, is the empty line that some clients send behind a body: nothing that wants an answer.</summary>
    private bool IsLeftover() => "\r\n"u8.StartsWith(Input.Unread);

    private async LoopTask<bool> RefuseAsync(Exchange exchange, ErrorPage page)
    {
        await AnswerAsync(exchange, page);
        return false;
    }

    /// <summary>Reads on for a little, so that the last answer is not lost to a reset (RFC 9112 9.6).</summary>
    private async LoopTask LingerAsync()
    {
        Connection.FinishSending();
        Input.Release();
        var until = Connection.Loop.NowMilliseconds + Timeouts.Linger;
        var bytes = 0L;
        while (Connection.Loop.NowMilliseconds < until && bytes < MostLingerBytes)
        {
            var received = Input.FillFrom(Connection);
            Input.Release();
            bytes += Math.Max(received, 0);
            if (received is 0 or Connection.Failed)
                return;
            if (received != Connection.WouldBlock)
                await Connection.Loop.YieldAsync();
            else if (await Connection.Readable.WaitAsync(until - Connection.Loop.NowMilliseconds) != WaitResult.Ready)
                return;
        }
    }

    /// <summary>Something arrived while an answer is on its way: another request, or the client's end.</summary>
    private void NoticeEnd()
    {
        if (_exchange is null || _isTunnel)
            return;
        if (Connection.IsBroken)
            _exchange.Abandon();
        else if (Connection.PeerHasFinished)
            _halfClosed.Begin();
    }

    /// <summary>
    /// A client that finished sending may be gone, or may still read: only a send would tell. It may wait for its answer to
    /// begin for as long as any other (the kernel's keep-alive finds out about one that is gone); when an answer that has begun
    /// then makes no progress for a while, an event stream say, it counts as gone.
    /// </summary>
    private sealed class HalfClosedDeadline(ClientConnection client) : Deadline
    {
        private long _sentBefore;

        public void Begin()
        {
            _sentBefore = client.Connection.SentBytes;
            client.Connection.Loop.Timers.Set(this, client.Connection.Loop.NowMilliseconds + Timeouts.HalfClosedClient);
        }

        internal override void OnDue()
        {
            if (client._exchange is not { } exchange)
                return;
            if (exchange.HasBegunAnswer && client.Connection.SentBytes == _sentBefore)
                exchange.Abandon();
            else
                Begin();
        }
    }
}

using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// A client's HTTP/1 requests, one after another. Between requests it holds no buffer and no exchange.
/// </summary>
internal sealed class Http1Session : ClientSession
{
    private const int RequestsPerTurn = 64;
    private const int ReceivesPerTurn = 64;

    private readonly HalfClosedDeadline _halfClosed;
    private Http1Exchange? _exchange;
    private bool _isTunnel;
    private bool _hasServed;
    private bool _lingers;
    private bool _isOwedPatience;

    public Http1Session(ClientConnection client)
    {
        Client = client;
        _halfClosed = new HalfClosedDeadline(this);
    }

    public ClientConnection Client { get; }

    /// <summary>A client that meant to stay may have sent its next request before it knew that it cannot.</summary>
    public override bool MustLinger => _lingers || Client.Loop.IsDraining;

    public override bool IsOwedPatience => _isOwedPatience;

    public override async LoopTask RunAsync()
    {
        var turn = 0;
        try
        {
            while (await WaitForRequestAsync() && await ServeRequestAsync())
            {
                _hasServed = true;
                // One client's requests that are there already must not keep the others waiting.
                if (++turn % RequestsPerTurn == 0)
                    await Client.Connection.Loop.YieldAsync();
            }
        }
        finally
        {
            Client.Connection.Loop.Timers.Remove(_halfClosed);
        }
    }

    /// <summary>From now on the connection lives as long as both its ends do.</summary>
    public void BeginTunnel()
    {
        _isTunnel = true;
        Client.Connection.Loop.Timers.Remove(_halfClosed);
    }

    /// <summary>The client is still sending when its last answer is complete: the rest of a request that <paramref name="isSound"/>, or not.</summary>
    public void LingersAtEnd(bool isSound) => (_lingers, _isOwedPatience) = (true, isSound);

    public override void Abandon() => _exchange?.Abandon();

    /// <summary>
    /// The next answer says that it is the last. In a hurry, an idle client does not get that far; one that was accepted just now,
    /// or is in the middle of a head, has a moment left to say what it came for.
    /// </summary>
    public override void Drain()
    {
        if (!Client.Loop.IsHurried)
            return;
        if (Client.IsIdle && _hasServed)
            Client.End();
        else if (Client.IsIdle || _exchange?.HasHead == false)
            Client.HurryUp();
    }

    public override bool TryGoAway() => _exchange?.TryGoAway() == true;

    public override void NoticeInput()
    {
        // Another request, or the client's end, while an answer is on its way.
        if (_exchange is null || _isTunnel)
            return;
        if (Client.Connection.IsBroken || (Client.IsSecure && _exchange.HasSentRequest && HasEndedTls()))
            _exchange.Abandon();
        else if (Client.Connection.PeerHasFinished)
            _halfClosed.Begin(HalfClosedDeadline.PatienceWith(_exchange));
    }

    /// <summary>Nobody half-closes TLS: with close_notify, or the end of the connection below, the client is gone.</summary>
    private bool HasEndedTls() =>
        Client.Connection.PeerHasFinished || Client.Connection.TryPeek() is 0 or Connection.Failed;

    private LoopTask<bool> WaitForRequestAsync()
    {
        if (_hasServed && Client.Loop.IsHurried && Client.Input.IsEmpty)
            return new LoopTask<bool>(false);
        return Client.WaitForInputAsync(_hasServed ? Timeouts.IdleClient : Timeouts.RequestHead);
    }

    private async LoopTask<bool> ServeRequestAsync()
    {
        var exchange = _exchange = Client.Loop.Http1Exchanges.Rent();
        exchange.Begin(this);
        try
        {
            var staysOpen = await ReceiveHeadAsync(exchange) && await Client.Loop.Router.ServeAsync(exchange);
            Client.Loop.Http1Exchanges.Return(exchange);
            return staysOpen;
        }
        finally
        {
            exchange.Upstream?.Close(); // After a fault; an exchange that ended well has settled it.
            _exchange = null;
            Timers.Clear(_halfClosed);
        }
    }

    /// <summary>Receives the rest of the head; false when there is none to serve, and the client was told why.</summary>
    private async LoopTask<bool> ReceiveHeadAsync(Http1Exchange exchange)
    {
        for (var receives = 1; ; receives++)
        {
            var status = exchange.ParseHead(Client.Input);
            if (status == ParseStatus.Complete)
            {
                NoticeInput(); // While its head was awaited, nobody else was told of the client's end.
                return true;
            }

            if (status == ParseStatus.Invalid)
                return await RefuseAsync(exchange, ErrorPage.Refused(exchange.Refusal));
            var received = Client.Input.FillFrom(Client.Connection);
            if (received is 0 or Connection.Failed)
                return false;
            if (received != Connection.WouldBlock)
            {
                // Over TLS, each byte may be a record of its own.
                if (receives % ReceivesPerTurn == 0)
                    await Client.Connection.Loop.YieldAsync();
                continue;
            }

            var patience = Math.Max(0, exchange.BeganAt + Timeouts.RequestHead - Client.Connection.Loop.NowMilliseconds);
            if (await Client.Connection.Readable.WaitAsync(patience) == WaitResult.TimedOut)
                return !IsLeftover() && await RefuseAsync(exchange, ErrorPage.TooSlow);
        }
    }

    /// <summary>All there is, is the empty line that some clients send behind a body: nothing that wants an answer.</summary>
    private bool IsLeftover() => "\r\n"u8.StartsWith(Client.Input.Unread);

    private static async LoopTask<bool> RefuseAsync(Http1Exchange exchange, ErrorPage page)
    {
        await exchange.AnswerAsync(page);
        return false;
    }

    /// <summary>
    /// A client that finished sending may be gone, or may still read: on plain HTTP only a send would tell. It counts as gone when
    /// its answer does not begin soon, or, an event stream say, has begun and makes no progress for a while. Over TLS it is gone, and
    /// has a moment only for a request that is on its way to the app still.
    /// </summary>
    private sealed class HalfClosedDeadline(Http1Session session) : Deadline
    {
        private long _sentBefore;

        public static long PatienceWith(Exchange exchange) =>
            exchange.HasBegunAnswer ? Timeouts.HalfClosedReader : Timeouts.HalfClosedClient;

        public void Begin(long patienceMilliseconds)
        {
            var connection = session.Client.Connection;
            _sentBefore = connection.SentBytes;
            connection.Loop.Timers.Set(this, connection.Loop.NowMilliseconds + patienceMilliseconds);
        }

        internal override void OnDue()
        {
            if (session._exchange is not { } exchange)
                return;
            // Its last bytes may be on their way to the app for long. Until there is an app, they wait as a request without a body does.
            var isSending = exchange is { HasBody: true, HasSentRequest: false, Upstream: not null };
            if (session.Client.IsSecure || (!isSending && session.Client.Connection.SentBytes == _sentBefore))
                exchange.Abandon();
            else
                Begin(PatienceWith(exchange));
        }
    }
}

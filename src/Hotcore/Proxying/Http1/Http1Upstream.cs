using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// One HTTP/1.1 connection to an app's port, kept alive between requests. Owns its <see cref="Connection"/> and buffers; while
/// idle it belongs to its <see cref="UpstreamPort"/>, otherwise to the exchange that took it.
/// </summary>
internal sealed class Http1Upstream : Upstream
{
    private readonly ReceiveBuffer _input;
    private readonly SendBuffer _output;
    private readonly ResponseParser _parser = new();
    private readonly Http1BodySource _responseBody = new(Timeouts.SilentUpstream, isLenient: true);
    private readonly Http1BodySink _requestBody = new(Timeouts.SilentUpstream);
    private readonly long _number;
    private bool _hasServed;
    private bool _hasCarriedBody;
    private bool _asksForTls;
    private AnswerFault? _headFault;

    public Http1Upstream(UpstreamPort port, Connection connection)
        : base(port, connection)
    {
        Connection = connection;
        _input = new ReceiveBuffer(connection.Loop.Buffers);
        _output = new SendBuffer(connection.Loop.Buffers);
        IdleNode = new LinkedListNode<Http1Upstream>(this);
        OwnNode = new LinkedListNode<Http1Upstream>(this);
        _number = port.State.Queue.TakeNumber();
        // An idle upstream has nothing to say but goodbye; anything else would be taken for the next client's answer. TLS may have
        // messages of its own.
        connection.WhenUnawaitedInput = CloseIfIdle;
    }

    public Connection Connection { get; }

    /// <summary>Its place among the idle ones of its port.</summary>
    public LinkedListNode<Http1Upstream> IdleNode { get; }

    /// <summary>Its place among the idle ones of its owner.</summary>
    public LinkedListNode<Http1Upstream> OwnNode { get; }

    /// <summary>The client that it serves alone, because it carried a body of that client's.</summary>
    public ClientConnection? Owner { get; private set; }

    public override bool HasServed => _hasServed;

    public override bool IsEnded => Connection.IsClosed;

    /// <summary>When it became idle, on the loop's clock.</summary>
    public long IdleSince { get; private set; }

    /// <summary>The loop's round in which it became idle.</summary>
    public uint IdleSinceRound { get; private set; }

    public override BodySink RequestBody => _requestBody;

    public override BodySource ResponseBody => _responseBody;

    public override AnswerFault? Fault => _responseBody.Fault ?? _parser.Fault ?? _headFault;

    private bool IsIdle => IdleNode.List is not null;

    /// <summary>
    /// An alert, a 400 that says so, a redirect to the https where the request came from, or nothing from a port that never answered.
    /// </summary>
    public override bool HintsAtTls(Exchange exchange, HeadResult received) => !IsTls && !IsEnded && !_hasServed && received switch
    {
        HeadResult.Complete => _asksForTls || exchange.IsSentBackToHttps(),
        HeadResult.Malformed => TlsHints.IsAlert(_input.Unread),
        HeadResult.Died => !Port.State.HasEverAnswered,
        _ => false,
    };

    public override void BeginRequest(Exchange exchange)
    {
        if (exchange.HasBody)
        {
            _hasCarriedBody = true;
            Owner = exchange.SpeaksForMany ? null : exchange.Client;
        }

        HeadWriter.WriteRequest(_output, exchange.Request, exchange.Client.Forwarded);
        _requestBody.Begin(Connection, _output, exchange.Request.Framing);
    }

    public override async LoopTask<HeadResult> ReceiveHeadAsync(Exchange exchange)
    {
        exchange.Response.Clear();
        _parser.Reset();
        _headFault = null;
        while (true)
        {
            var status = _input.IsEmpty
                ? ParseStatus.NeedMore
                : _parser.Parse(exchange.Response, _input.Bytes, _input.Start, _input.Length, exchange.AnswersHead);
            if (status == ParseStatus.Invalid)
                return HeadResult.Malformed;
            if (status == ParseStatus.Complete && exchange.Response.Status == 400 && MayAskForTls && _input.Length == _parser.HeadLength
                && await ReceiveExplanationAsync())
            {
                exchange.Response.Clear(); // Its positions are no longer valid.
                _parser.Reset();
                continue;
            }

            if (status == ParseStatus.Complete)
            {
                _asksForTls = exchange.Response.Status == 400 && MayAskForTls && TlsHints.AreIn(_input.Unread);
                _input.Consume(_parser.HeadLength);
                if (!_hasServed)
                    Port.State.Queue.NoteAnswer(_number);
                return HeadResult.Complete;
            }

            if (TlsHints.IsAlert(_input.Unread))
                return HeadResult.Malformed;
            var received = _input.FillFrom(Connection);
            if (received > 0)
                continue;
            var hasBegun = !_input.IsEmpty;
            if (hasBegun && received != Connection.WouldBlock && !Connection.IsClosed)
                _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            _input.ReleaseIfEmpty();
            if (received != Connection.WouldBlock)
                return hasBegun ? HeadResult.Malformed : HeadResult.Died;
            if (!hasBegun)
            {
                await WaitForAnswerAsync();
                continue;
            }

            if (await Connection.Readable.WaitAsync(Timeouts.SilentUpstream) != WaitResult.TimedOut)
                continue;
            _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            return HeadResult.Malformed;
        }
    }

    private bool MayAskForTls => !IsTls && !_hasServed;

    /// <summary>Receives what comes behind the head of an answer soon; false when nothing does.</summary>
    private async LoopTask<bool> ReceiveExplanationAsync()
    {
        var received = _input.FillFrom(Connection);
        if (received == Connection.WouldBlock && await Connection.Readable.WaitAsync(Timeouts.Explanation) == WaitResult.Ready)
            received = _input.FillFrom(Connection);
        return received > 0;
    }

    /// <summary>
    /// Waits until the answer begins, for as long as the app thinks. Over a new connection the app may not even have accepted it,
    /// because idle connections hold its threads: they are closed then.
    /// </summary>
    private async LoopTask WaitForAnswerAsync()
    {
        var patience = _hasServed ? Timeouts.None : Timeouts.Starving;
        while (await Connection.Readable.WaitAsync(patience) == WaitResult.TimedOut)
        {
            Port.State.Queue.NoteStarving(_number);
            Port.State.CloseIdleEverywhere();
            patience = Timeouts.BetweenReliefs;
        }
    }

    public override void BeginBody(ResponseHead response) =>
        _responseBody.Begin(Connection, _input, response.Framing, response.ContentLength);

    public override void BeginTunnel()
    {
        _responseBody.BeginTunnel(Connection, _input);
        _requestBody.BeginTunnel(Connection, _output);
    }

    public override bool IsReusable(ResponseHead response) =>
        response.IsPersistent && _input.IsEmpty && !Connection.PeerHasFinished && !(_hasCarriedBody && Owner is null);

    public override void Return()
    {
        _hasServed = true;
        Port.Return(this);
    }

    public override void DistrustSiblings() => Port.CloseIdle();

    /// <summary>Becomes idle: holds no buffer, and remembers since when.</summary>
    public void BecomeIdle()
    {
        _input.Release();
        _output.Release();
        IdleSince = Connection.Loop.NowMilliseconds;
        IdleSinceRound = Connection.Loop.Round;
    }

    public override void Break() => Connection.Close();

    public override void Abort() => Connection.Abort();

    public override void Close()
    {
        IdleUpstreams.Remove(this);
        Connection.Close();
        _input.Release();
        _output.Release();
    }

    private void CloseIfIdle()
    {
        if (IsIdle && Connection.TryPeek() != Connection.WouldBlock)
            Close();
    }
}

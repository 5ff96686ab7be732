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
    private readonly long _letInAt;
    private bool _hasServed;
    private bool _hasCarriedBody;
    private bool _asksForTls;
    private bool _isAccepted;
    private bool _isSpoilt;
    private AnswerFault? _headFault;

    /// <summary>By <paramref name="letInAt"/> it stands in the port's <see cref="AcceptQueue"/>.</summary>
    public Http1Upstream(UpstreamPort port, Connection connection, long letInAt)
        : base(port, connection)
    {
        _letInAt = letInAt;
        Connection = connection;
        _input = new ReceiveBuffer(connection.Loop.Buffers);
        _output = new SendBuffer(connection.Loop.Buffers);
        IdleNode = new LinkedListNode<Http1Upstream>(this);
        OwnNode = new LinkedListNode<Http1Upstream>(this);
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
    /// An alert, a 400 that says so, a redirect to the https where the request came from, or nothing from a port that never answered, or
    /// failed just before.
    /// </summary>
    public override bool HintsAtTls(Exchange exchange, HeadResult received) => !IsTls && !IsEnded && !_hasServed && received switch
    {
        HeadResult.Complete => _asksForTls || exchange.IsSentBackToHttps(),
        HeadResult.Malformed => TlsHints.IsAlert(_input.Unread),
        HeadResult.Died => Port.State.MaySpeakTls,
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
            if (status == ParseStatus.Complete)
            {
                _asksForTls = MayAskForTls(exchange.Response) && await AsksForTlsAsync(exchange.Response);
                _input.Consume(_parser.HeadLength);
                // It announced a body, which an interim answer has not: that may come with a later answer.
                _isSpoilt |= exchange.Response is { IsInterim: true, IsPersistent: false };
                return HeadResult.Complete;
            }

            var received = _input.FillFrom(Connection);
            if (received != Connection.WouldBlock)
                NoteAccepted();
            if (received > 0)
                continue;
            var hasBegun = !_input.IsEmpty;
            if (hasBegun && received != Connection.WouldBlock && !Connection.IsClosed)
                _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            _input.ReleaseIfEmpty();
            if (received != Connection.WouldBlock)
                return hasBegun ? HeadResult.Malformed : HeadResult.Died;
            if (!hasBegun && !_hasServed)
            {
                await WaitForFirstAnswerAsync();
                continue;
            }

            // Until its answer begins, an app may think.
            if (await Connection.Readable.WaitAsync(hasBegun ? Timeouts.SilentUpstream : Timeouts.None) != WaitResult.TimedOut)
                continue;
            _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            return HeadResult.Malformed;
        }
    }

    /// <summary>The first answer over a plain connection is the last, and says that the request was wrong.</summary>
    private bool MayAskForTls(ResponseHead response) =>
        response.Status == 400 && !response.IsPersistent && response.Framing != BodyFraming.None && !IsTls && !_hasServed;

    /// <summary>Whether the body behind the head says so, as far as it comes soon.</summary>
    private async LoopTask<bool> AsksForTlsAsync(ResponseHead response)
    {
        if (_input.Length == _parser.HeadLength && _input.FillFrom(Connection) == Connection.WouldBlock
            && await Connection.Readable.WaitAsync(Timeouts.Explanation) == WaitResult.Ready)
            _input.FillFrom(Connection);
        response.Fields.Attach(_input.Bytes, _input.Start); // Both may have moved, whatever came.
        return TlsHints.AreIn(_input.Unread[_parser.HeadLength..]);
    }

    /// <summary>Whatever came, an end too, shows that the app has accepted the connection.</summary>
    private void NoteAccepted()
    {
        if (_isAccepted || IsEnded)
            return;
        _isAccepted = true;
        Port.State.Queue.NoteAccepted(_letInAt);
    }

    /// <summary>Waits until the first answer begins, for as long as the app thinks.</summary>
    private async LoopTask WaitForFirstAnswerAsync()
    {
        var wait = new AcceptWait(Port.State, Connection.Loop);
        wait.Begin(_letInAt);
        await Connection.Readable.WaitAsync(Timeouts.None);
        wait.End();
    }

    public override void BeginBody(ResponseHead response) =>
        _responseBody.Begin(Connection, _input, response.Framing, response.ContentLength);

    public override void BeginTunnel()
    {
        _responseBody.BeginTunnel(Connection, _input);
        _requestBody.BeginTunnel(Connection, _output);
    }

    public override bool IsReusable(ResponseHead response) =>
        response.IsPersistent && !_isSpoilt && _input.IsEmpty && !Connection.PeerHasFinished && !(_hasCarriedBody && Owner is null)
        && Connection.IsDrained;

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

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
    private AnswerFault? _headFault;

    public Http1Upstream(UpstreamPort port, Connection connection)
        : base(port)
    {
        Connection = connection;
        _input = new ReceiveBuffer(connection.Loop.Buffers);
        _output = new SendBuffer(connection.Loop.Buffers);
        IdleNode = new LinkedListNode<Http1Upstream>(this);
        // An idle upstream has nothing to say but goodbye; anything else would be taken for the next client's answer.
        connection.WhenUnawaitedInput = CloseIfIdle;
    }

    public Connection Connection { get; }

    /// <summary>Its place among the idle ones of its port.</summary>
    public LinkedListNode<Http1Upstream> IdleNode { get; }

    /// <summary>When it became idle, on the loop's clock.</summary>
    public long IdleSince { get; private set; }

    /// <summary>The loop's round in which it became idle.</summary>
    public uint IdleSinceRound { get; private set; }

    public override BodySink RequestBody => _requestBody;

    public override BodySource ResponseBody => _responseBody;

    public override AnswerFault? Fault => _responseBody.Fault ?? _parser.Fault ?? _headFault;

    private bool IsIdle => IdleNode.List is not null;

    public override void BeginRequest(Exchange exchange)
    {
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
                _input.Consume(_parser.HeadLength);
                return HeadResult.Complete;
            }

            var received = _input.FillFrom(Connection);
            if (received > 0)
                continue;
            var hasBegun = !_input.IsEmpty;
            if (hasBegun && received != Connection.WouldBlock && !Connection.IsClosed)
                _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            _input.ReleaseIfEmpty();
            if (received != Connection.WouldBlock)
                return hasBegun ? HeadResult.Malformed : HeadResult.Died;
            var silence = hasBegun ? Timeouts.SilentUpstream : Timeouts.None;
            if (await Connection.Readable.WaitAsync(silence) != WaitResult.TimedOut)
                continue;
            _headFault = AnswerFault.OfUnfinishedHead(_input.Unread);
            return HeadResult.Malformed;
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
        response.IsPersistent && _input.IsEmpty && !Connection.PeerHasFinished;

    public override void Return() => Port.Return(this);

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
        Port.Forget(this);
        Connection.Close();
        _input.Release();
        _output.Release();
    }

    private void CloseIfIdle()
    {
        if (IsIdle)
            Close();
    }
}

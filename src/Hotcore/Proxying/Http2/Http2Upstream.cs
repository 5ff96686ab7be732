using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// One exchange's stream on an HTTP/2 connection to an app. Owns the stream, and the buffers of the heads that were received.
/// </summary>
internal sealed class Http2Upstream : Upstream, IHttp2StreamOwner
{
    /// <summary>Interim heads that nobody has taken yet; an app that sends more has lost its way.</summary>
    private const int MostHeads = 16;

    private readonly Http2UpstreamConnection _connection;
    private readonly Queue<(ResponseHead Head, byte[] Lines)> _heads = new(1);
    private readonly Readiness _headReceived;
    private byte[]? _linesInUse;
    private Exchange? _exchange;
    private bool _hasHead;
    private bool _hasFinalHead;
    private bool _isEnded;
    private bool _isClosed;
    private AnswerFault? _fault;

    /// <summary>A stream on <paramref name="connection"/>, which goes over <paramref name="wire"/>.</summary>
    public Http2Upstream(UpstreamPort port, Http2UpstreamConnection connection, Connection wire)
        : base(port, wire)
    {
        _connection = connection;
        _headReceived = new Readiness(wire.Loop);
        Stream = new Http2Stream(wire.Loop);
    }

    public Http2Stream Stream { get; }

    public override bool HasServed => Stream.Id > 1;

    public override bool IsEnded => _isEnded;

    public override BodySink RequestBody => Stream.Sink;

    public override BodySource ResponseBody => Stream.Source;

    /// <summary>That nothing was done, and all may be tried again, cannot be said any more once the app has answered.</summary>
    public override ErrorCode ResetCode =>
        _hasHead && Stream.ResetCode == ErrorCode.RefusedStream ? ErrorCode.InternalError : Stream.ResetCode;

    public override AnswerFault? Fault => _fault ?? _connection.Fault
        ?? (Stream.IsFaulty ? AnswerFault.Of("answered over HTTP/2 with frames that its answer may not have") : null);

    private BufferPool Buffers => Stream.Connection.Connection.Loop.Buffers;

    /// <summary>The first call over the connection came to nothing, and the port never answered, or failed just before.</summary>
    public override bool HintsAtTls(Exchange exchange, HeadResult received) =>
        !IsTls && !IsEnded && !HasServed && received != HeadResult.Complete && Port.State.MaySpeakTls;

    public override void BeginRequest(Exchange exchange)
    {
        _exchange = exchange;
        Stream.Sink.Begin(EncodeRequest, Timeouts.SilentUpstream);
    }

    /// <summary>A whole field block came on the stream: a head, or the trailers.</summary>
    public FieldBlockStatus ReceiveBlock(ReadOnlySpan<byte> block, bool endsStream)
    {
        var scratch = _connection.Scratch;
        var head = new ResponseHead();
        var status = _connection.Decode(block, head.Fields);
        if (status is FieldBlockStatus.Undecodable or FieldBlockStatus.Bomb)
            return status;
        var lines = scratch.Bytes.AsSpan(0, scratch.Block.Length);
        if (FaultOf(status) is { } fault)
            Fail(fault);
        else if (_hasFinalHead)
            Stream.ReceiveTrailers(head.Fields, lines);
        else if (Http2ResponseRules.Apply(scratch.Block, scratch.Bytes, head, endsStream, _exchange!.AnswersHead) is { } flaw)
            Fail(flaw);
        else
            ReceiveHead(head, lines, endsStream);
        return FieldBlockStatus.Complete;

        AnswerFault? FaultOf(FieldBlockStatus read) => read switch
        {
            FieldBlockStatus.Malformed => AnswerFault.Of(scratch.Bytes.AsSpan(scratch.Block.Offender), "which HTTP/2 does not allow"),
            FieldBlockStatus.TooLarge => AnswerFault.Of("answered with a head of more than 48 KiB, or more than 1,000 fields"),
            _ when Stream.RemoteHasEnded || _heads.Count == MostHeads || _exchange is null
                || (_hasFinalHead && (!endsStream || scratch.Block.HasPseudoFields)) =>
                AnswerFault.Of("answered over HTTP/2 with more heads than an answer has"),
            _ => null,
        };
    }

    private void Fail(AnswerFault fault)
    {
        _fault ??= fault;
        Stream.Fail(ErrorCode.ProtocolError);
    }

    public override async LoopTask<HeadResult> ReceiveHeadAsync(Exchange exchange)
    {
        while (_heads.Count == 0)
        {
            if (Stream.IsReset)
                return ResultOfReset();
            _headReceived.IsSet = false;
            _ = await _headReceived.WaitAsync(Timeouts.None);
        }

        ReleaseLines();
        (var head, _linesInUse) = _heads.Dequeue();
        exchange.Response.CopyFrom(head);
        return HeadResult.Complete;
    }

    public override void BeginBody(ResponseHead response) => Stream.Source.Begin(Timeouts.SilentUpstream);

    public override void BeginTunnel() =>
        throw new InvalidOperationException("An upgrade goes to an app that speaks HTTP/1.1.");

    public override bool IsReusable(ResponseHead response) =>
        Stream.LocalHasEnded && Stream.RemoteHasEnded && !Stream.IsReset;

    public override void Return() => Close();

    public override void DistrustSiblings() => Port.CloseIdle();

    public override void Break()
    {
        _isEnded = true;
        Stream.Reset(ErrorCode.Cancel);
        _headReceived.Cancel();
    }

    public override void Abort() => Break();

    public override void Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        Break();
        ReleaseLines();
        foreach (var (_, lines) in _heads)
            Buffers.Return(lines);
        _heads.Clear();
        _connection.CloseStream(this);
    }

    public void StreamBroke()
    {
        if (ResetCode == ErrorCode.RefusedStream)
            _connection.TakeNoMore();
        _headReceived.Cancel();
    }

    private void ReceiveHead(ResponseHead head, ReadOnlySpan<byte> lines, bool endsStream)
    {
        var kept = Buffers.RentCopy(lines);
        head.Fields.Attach(kept, 0);
        _heads.Enqueue((head, kept));
        (_hasHead, _hasFinalHead) = (true, !head.IsInterim);
        if (_hasFinalHead)
            Stream.BeginContent(head.Framing == BodyFraming.Length ? head.ContentLength : head.Framing == BodyFraming.None ? 0 : -1);
        if (endsStream)
            Stream.EndRemote();
        _headReceived.Signal();
    }

    /// <summary>What the app got wrong is no answer.</summary>
    private HeadResult ResultOfReset() =>
        Stream.IsFaulty ? HeadResult.Malformed
        : Stream.HasLostConnection ? HeadResult.Died
        : ResetCode == ErrorCode.RefusedStream ? HeadResult.Refused
        : HeadResult.CalledOff;

    private int EncodeRequest(byte[] scratch)
    {
        var lines = new SendBuffer(Buffers);
        try
        {
            return FieldEncoder.EncodeRequest(scratch, _exchange!.Request, _exchange.Client.Forwarded, IsTls, lines);
        }
        finally
        {
            lines.Release();
        }
    }

    private void ReleaseLines()
    {
        if (_linesInUse is not null)
            Buffers.Return(_linesInUse);
        _linesInUse = null;
    }
}

using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// A client's HTTP/2 connection: its requests, many at a time, each an <see cref="Http2Exchange"/> of its own. While no stream is
/// open it holds no buffer.
/// </summary>
internal sealed class Http2Session : ClientSession, IHttp2Endpoint
{
    /// <summary>As many as browsers and other servers use; more wait at the client.</summary>
    private const int MostStreams = 128;

    private static readonly (Setting, int)[] Settings =
    [
        (Setting.MaxConcurrentStreams, MostStreams),
        (Setting.InitialWindowSize, ReceiveWindow.OfStream),
        (Setting.MaxHeaderListSize, FieldBlock.MostSectionBytes),
        (Setting.EnableConnectProtocol, 1),
    ];

    private readonly Http2Connection _http2;
    private readonly PatienceBudget _patience;
    private readonly DrainDeadline _drainDeadline;
    private bool _isReading;
    private bool _isDraining;
    private bool _takesNoMore;

    public Http2Session(ClientConnection client)
    {
        Client = client;
        var loop = client.Connection.Loop;
        _http2 = new Http2Connection(this, client.Connection, client.Input, client.Loop.Http2Scratch);
        _patience = new PatienceBudget(loop.NowMilliseconds);
        _drainDeadline = new DrainDeadline(this);
    }

    public ClientConnection Client { get; }

    public bool IsServer => true;

    /// <summary>Whatever ends it, the client may have granted windows, or asked for a pong, a moment before it knew.</summary>
    public override bool MustLinger => true;

    public override bool IsOwedPatience => false;

    public override async LoopTask RunAsync()
    {
        try
        {
            _http2.SendSettings(Settings);
            if (Client.Loop.IsDraining)
                Drain();
            var error = await ReceivePrefaceAsync() ? await _http2.ReceiveFramesAsync() : ErrorCode.ProtocolError;
            if (error != ErrorCode.NoError && !Client.Connection.IsClosed)
                await _http2.SayWhyAsync(error);
        }
        finally
        {
            Client.Connection.Loop.Timers.Remove(_drainDeadline);
            await _http2.EndAsync();
        }
    }

    public override void Abandon() => _http2.BreakStreams();

    /// <summary>
    /// Twice, as RFC 9113 6.8 has it: first that nothing more should come, and, once the client has seen it, what was the last.
    /// </summary>
    public override void Drain()
    {
        if (_isDraining)
            return;
        _isDraining = true;
        _http2.Output.WriteGoAway(int.MaxValue, ErrorCode.NoError);
        _http2.Output.WriteControl(FrameType.Ping, FrameFlags.None, 0, "goingway"u8);
        Client.Connection.Loop.Timers.Set(_drainDeadline, Client.Connection.Loop.NowMilliseconds + Timeouts.Drain);
    }

    public override bool TryGoAway()
    {
        var hasWebSockets = false;
        foreach (var stream in _http2.Streams.ToArray())
        {
            var exchange = (Http2Exchange)stream.Owner;
            if (exchange.TryGoAway())
            {
                hasWebSockets = true;
                continue;
            }

            exchange.CutOff();
            exchange.Abandon();
        }

        TakeNoMore();
        return hasWebSockets;
    }

    public override void NoticeInput()
    {
        // It is read at once, or, while the client does not take what it asked for, in time.
    }

    public void ReceiveSettings()
    {
        // How many streams hotcore may open is of no interest: it opens none.
    }

    public void ReceiveGoAway(int lastStreamId)
    {
        // The client opens no more streams; those that are open go on.
    }

    public void ReceivePingAcknowledgement()
    {
        if (_isDraining)
            TakeNoMore();
    }

    public async LoopTask<bool> WaitForFramesAsync()
    {
        if (_takesNoMore && _http2.StreamCount == 0)
            return false;
        _isReading = true;
        if (_http2.StreamCount == 0)
            Client.Loop.BecomesIdle(Client);
        var patience = _http2.IsMidFrame ? Timeouts.RequestHead : _http2.StreamCount == 0 ? Timeouts.IdleClient : Timeouts.None;
        var result = await Client.Connection.Readable.WaitAsync(patience);
        _isReading = false;
        Client.Loop.BecomesBusy(Client);
        if (result == WaitResult.TimedOut)
            _http2.Output.WriteGoAway(_http2.LastStreamId, ErrorCode.NoError);
        return result == WaitResult.Ready;
    }

    public bool TryAfford(int cost) => _patience.TryTake(cost, Client.Connection.Loop.NowMilliseconds);

    public ErrorCode ReceiveBlock(int id, Http2Stream? stream, ReadOnlySpan<byte> block, bool endsStream)
    {
        if (stream is not null)
            return ReceiveTrailers(stream, block, endsStream);
        var last = _http2.LastStreamId;
        if (id <= last || id % 2 == 0)
            return Ignore(block) is var fault and not ErrorCode.NoError ? fault : _http2.CheckClosed(id);
        _http2.LastStreamId = _takesNoMore ? last : id;
        if (_takesNoMore || _http2.OpenStreamCount >= MostStreams || _http2.StreamCount >= 2 * MostStreams)
            return Refuse(id, block);
        return BeginExchange(id, block, endsStream);
    }

    /// <summary>An exchange is over, and no method is at work on it any more.</summary>
    public void Forget(Http2Exchange exchange, bool isAnswered)
    {
        if (isAnswered)
            _patience.CreditAnswer();
        _http2.Close(exchange.Stream);
        Client.Loop.Http2Exchanges.Return(exchange);
        if (_http2.StreamCount > 0 || !_isReading || Client.Connection.IsClosed)
            return;
        if (_takesNoMore)
            Client.Connection.Readable.Cancel(); // Nothing is to come any more.
        else
            BecomeIdle();
    }

    public void Credit(int bytes) => _patience.CreditBytes(bytes);

    public void CreditSent(int bytes, bool isWorthwhile)
    {
        _patience.CreditBytes(bytes);
        if (isWorthwhile)
            _patience.CreditFrame();
    }

    private async LoopTask<bool> ReceivePrefaceAsync()
    {
        if (await Preface.ReceiveAsync(Client.Connection, Client.Input) != PrefaceMatch.Whole)
            return false;
        Client.Input.Consume(Preface.Bytes.Length);
        return true;
    }

    /// <summary>The last stream ended while the client is awaited.</summary>
    private void BecomeIdle()
    {
        Client.Loop.BecomesIdle(Client);
        Client.Connection.Loop.Timers.Set(
            Client.Connection.Readable, Client.Connection.Loop.NowMilliseconds + Timeouts.IdleClient);
    }

    private ErrorCode ReceiveTrailers(Http2Stream stream, ReadOnlySpan<byte> block, bool endsStream)
    {
        var scratch = _http2.Scratch;
        var status = _http2.Decode(block, scratch.Ignored);
        if (status is FieldBlockStatus.Undecodable or FieldBlockStatus.Bomb)
            return FieldBlock.ErrorOf(status);
        if (stream.IsReset)
            return _http2.CheckClosed(stream.Id);
        if (stream.RemoteHasEnded)
            stream.Fail(ErrorCode.StreamClosed);
        else if (status != FieldBlockStatus.Complete || !endsStream || scratch.Block.HasPseudoFields)
            stream.Fail(ErrorCode.ProtocolError);
        else
            stream.ReceiveTrailers(scratch.Ignored, scratch.Bytes.AsSpan(0, scratch.Block.Length));
        return ErrorCode.NoError;
    }

    private ErrorCode BeginExchange(int id, ReadOnlySpan<byte> block, bool endsStream)
    {
        var exchange = Client.Loop.Http2Exchanges.Rent();
        exchange.Begin(this);
        var status = _http2.Decode(block, exchange.Request.Fields);
        if (status is FieldBlockStatus.Undecodable or FieldBlockStatus.Bomb)
        {
            Client.Loop.Http2Exchanges.Return(exchange);
            return FieldBlock.ErrorOf(status);
        }

        _http2.Open(exchange.Stream, id, exchange);
        endsStream = endsStream || (_http2.Scratch.Block.Protocol.IsAbsent && _http2.TryTakeEnd(id));
        if (endsStream)
            exchange.Stream.EndRemote();
        exchange.RunAsync(status, endsStream).RunDetached(Client.Connection.Loop.Report);
        return ErrorCode.NoError;
    }

    /// <summary>Takes note of a block that nobody will serve; only the decoding state goes on.</summary>
    private ErrorCode Ignore(ReadOnlySpan<byte> block) => FieldBlock.ErrorOf(_http2.Decode(block, _http2.Scratch.Ignored));

    private ErrorCode Refuse(int id, ReadOnlySpan<byte> block)
    {
        var error = Ignore(block);
        if (error != ErrorCode.NoError)
            return error;
        _http2.RememberReset(id);
        _http2.Output.WriteReset(id, ErrorCode.RefusedStream);
        return TryAfford(1) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
    }

    private void TakeNoMore()
    {
        if (_takesNoMore)
            return;
        _takesNoMore = true;
        Client.Connection.Loop.Timers.Remove(_drainDeadline);
        _http2.Output.WriteGoAway(_http2.LastStreamId, ErrorCode.NoError);
        if (_http2.StreamCount == 0)
            Client.Connection.Readable.Cancel();
    }

    private sealed class DrainDeadline(Http2Session session) : Deadline
    {
        internal override void OnDue() => session.TakeNoMore();
    }
}

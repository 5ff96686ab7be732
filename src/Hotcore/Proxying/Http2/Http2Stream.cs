using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// One stream of an HTTP/2 connection (RFC 9113 5), the same at both of its ends: what was received and not taken yet, what may
/// be sent, and how it ended. Owns the buffers of what was received. Used again for stream after stream of one loop.
/// </summary>
internal sealed class Http2Stream
{
    private readonly Readiness _received;
    private readonly Readiness _sendable;
    private readonly ReceivedBody _body;
    private Http2Connection _connection = null!;
    private byte[]? _trailerBytes;
    private long _expectedBytes;
    private ReceiveWindow _window;

    public Http2Stream(EventLoop loop)
    {
        _received = new Readiness(loop);
        _sendable = new Readiness(loop);
        _body = new ReceivedBody(loop.Buffers);
        Source = new Http2BodySource(this);
        Sink = new Http2BodySink(this);
        LineNode = new LinkedListNode<Http2Stream>(this);
    }

    public Http2Connection Connection => _connection;

    public int Id { get; private set; }

    public Http2BodySource Source { get; }

    public Http2BodySink Sink { get; }

    /// <summary>Whose stream it is: told of what ends it.</summary>
    public IHttp2StreamOwner Owner { get; private set; } = null!;

    /// <summary>Its place among those that wait to write.</summary>
    public LinkedListNode<Http2Stream> LineNode { get; }

    /// <summary>It was called to write one frame.</summary>
    public bool HasTurn { get; private set; }

    /// <summary>How much the peer takes on this stream; below zero after the peer made its windows smaller.</summary>
    public long SendWindow { get; private set; }

    /// <summary>The peer has sent its last frame.</summary>
    public bool RemoteHasEnded { get; private set; }

    /// <summary>We have sent our last frame.</summary>
    public bool LocalHasEnded { get; set; }

    /// <summary>Its first HEADERS are on their way: the other side knows of it, or will.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Either side ended it before its time.</summary>
    public bool IsReset { get; private set; }

    /// <summary>The peer has sent its head, so content may come.</summary>
    public bool TakesContent { get; private set; }

    /// <summary>Why the peer ended it.</summary>
    public ErrorCode ResetCode { get; private set; }

    /// <summary>Nobody ended it: its connection did.</summary>
    public bool HasLostConnection { get; private set; }

    /// <summary>What the peer sent contradicts itself: the body must not pass for a whole one.</summary>
    public bool IsFaulty { get; private set; }

    public FieldSection Trailers { get; } = new();

    public bool HasReceived => !_body.IsEmpty;

    public ReadOnlyMemory<byte> FirstReceived => _body.First;

    /// <summary>Begins a stream that is open in both directions.</summary>
    public void Open(Http2Connection connection, int id, IHttp2StreamOwner owner, long sendWindow, bool hasBegun)
    {
        (_connection, Id, Owner, SendWindow, HasBegun) = (connection, id, owner, sendWindow, hasBegun);
        ResetCode = ErrorCode.InternalError;
        (RemoteHasEnded, LocalHasEnded, IsReset, IsFaulty, HasLostConnection, HasTurn) = (false, false, false, false, false, false);
        (_received.IsSet, _sendable.IsSet) = (false, false);
        _window = connection.NewStreamWindow();
        (TakesContent, _expectedBytes) = (hasBegun, -1);
        Trailers.Clear();
    }

    /// <summary>The head has come that content may follow: so many bytes of it, or -1 where it does not say.</summary>
    public void BeginContent(long bytes) => (TakesContent, _expectedBytes) = (true, bytes);

    /// <summary>The peer's message is complete with its head, or with the DATA received so far.</summary>
    public void EndRemote()
    {
        RemoteHasEnded = true;
        if (_expectedBytes > 0)
            Fail(ErrorCode.ProtocolError); // RFC 9113 8.1.1: it announced more.
        _received.Signal();
    }

    /// <summary>Counts a DATA frame against the window; false when the peer was not granted that much.</summary>
    public bool TryCount(int frameBytes) => _window.TryTake(frameBytes);

    /// <summary>Takes over content; what the message's length does not cover makes it malformed.</summary>
    public void Receive(ReadOnlySpan<byte> content)
    {
        if (_expectedBytes >= 0 && (_expectedBytes -= content.Length) < 0)
        {
            _connection.Acknowledge(content.Length);
            Fail(ErrorCode.ProtocolError);
            return;
        }

        _body.Add(content);
        _received.Signal();
    }

    /// <summary>So many bytes of what was received are passed on, or were never content: the peer may send as many again.</summary>
    public void Acknowledge(int bytes)
    {
        var increment = _window.Return(bytes, mayGrow: _body.IsEmpty);
        if (increment > 0 && !RemoteHasEnded && !IsReset)
            _connection.Output.WriteWindowUpdate(Id, increment);
        _connection.Acknowledge(bytes, isPrompt: _body.IsEmpty);
    }

    public void Consume(int bytes)
    {
        _body.Consume(bytes);
        Acknowledge(bytes);
    }

    /// <summary>Keeps the trailers, which end the peer's message.</summary>
    public void ReceiveTrailers(FieldSection section, ReadOnlySpan<byte> lines)
    {
        _trailerBytes = _connection.Connection.Loop.Buffers.RentCopy(lines);
        Trailers.CopyFrom(section);
        Trailers.Attach(_trailerBytes, 0);
        EndRemote();
    }

    /// <summary>Waits for content or for the end of the message.</summary>
    public Readiness.Awaitable WaitToReceiveAsync(long timeoutMilliseconds)
    {
        _received.IsSet = HasReceived || RemoteHasEnded || IsReset;
        return _received.WaitAsync(timeoutMilliseconds);
    }

    /// <summary>Waits until a frame may be written: for the peer's window, for room, or for this stream's turn.</summary>
    public async LoopTask<bool> WaitToSendAsync(bool needsWindow, long timeoutMilliseconds)
    {
        if (IsReset)
            return false;
        (HasTurn, _sendable.IsSet) = (false, false);
        if (!needsWindow || SendWindow > 0)
            _connection.Output.WaitInLine(this, needsWindow);
        var result = await _sendable.WaitAsync(timeoutMilliseconds);
        if (result != WaitResult.Ready)
            Http2Output.LeaveLine(this);
        return result == WaitResult.Ready && !IsReset;
    }

    /// <summary>Waits until the peer takes more than it does.</summary>
    public async LoopTask<WaitResult> WaitForWindowAsync(long timeoutMilliseconds)
    {
        (HasTurn, _sendable.IsSet) = (false, false);
        if (SendWindow > _connection.Output.Window)
            _connection.Output.WaitForWindow(this);
        var result = await _sendable.WaitAsync(timeoutMilliseconds);
        if (result != WaitResult.Ready)
            Http2Output.LeaveLine(this);
        return result;
    }

    /// <summary>It is this stream's turn to write one frame.</summary>
    public void TakeTurn()
    {
        HasTurn = true;
        _sendable.Signal();
    }

    /// <summary>The turn is over.</summary>
    public void EndTurn() => HasTurn = false;

    /// <summary>So much was sent of what the peer takes.</summary>
    public void CountSent(int bytes, bool isWorthwhile)
    {
        SendWindow -= bytes;
        _connection.CountSent(bytes, isWorthwhile);
    }

    /// <summary>The peer takes more, or, after it changed its settings, less; false when that is more than a window can be.</summary>
    public bool TryChangeSendWindow(long difference)
    {
        if (SendWindow + difference > int.MaxValue)
            return false;
        SendWindow += difference;
        if (SendWindow > 0 && LineNode.List is null && _sendable.IsAwaited)
            _connection.Output.WaitInLine(this, needsWindow: true);
        return true;
    }

    /// <summary>Ends the stream before its time, and tells the peer why. Safe to repeat.</summary>
    public void Reset(ErrorCode error)
    {
        if (IsReset || (LocalHasEnded && RemoteHasEnded))
            return;
        if (HasBegun)
            _connection.Output.WriteReset(Id, error);
        _connection.RememberReset(Id);
        Break();
    }

    /// <summary>The same for what the peer got wrong; its owner hears of it.</summary>
    public void Fail(ErrorCode error)
    {
        IsFaulty = true;
        _connection.CountFault();
        Reset(error);
        Owner.StreamBroke();
    }

    /// <summary>The peer ended it.</summary>
    public void ReceiveReset(ErrorCode error)
    {
        ResetCode = error;
        Break();
        Owner.StreamBroke();
    }

    /// <summary>The connection is gone: unless it ended before that, nobody can say how far the peer got.</summary>
    public void EndWithConnection()
    {
        HasLostConnection = !IsReset;
        Break();
        Owner.StreamBroke();
    }

    /// <summary>Ends every wait on it; nothing more is written.</summary>
    public void Break()
    {
        if (!IsReset)
            _connection.CountBroken();
        IsReset = true;
        Http2Output.LeaveLine(this);
        CancelReceiving();
        _sendable.Cancel();
    }

    public void CancelReceiving() => _received.Cancel();

    /// <summary>Gives everything back; no method may be at work on it any more.</summary>
    public void Release()
    {
        Http2Output.LeaveLine(this);
        _connection.Acknowledge(_body.Length);
        _body.Release();
        if (_trailerBytes is not null)
            _connection.Connection.Loop.Buffers.Return(_trailerBytes);
        _trailerBytes = null;
        Trailers.Clear();
        _received.Cancel();
        _sendable.Cancel();
    }
}

/// <summary>What a stream serves.</summary>
internal interface IHttp2StreamOwner
{
    /// <summary>The stream was reset, by either side, or its connection is gone.</summary>
    void StreamBroke();
}

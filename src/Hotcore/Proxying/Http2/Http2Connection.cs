using System.Buffers.Binary;
using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>Which end of an HTTP/2 connection hotcore is, and what the messages on it mean there.</summary>
internal interface IHttp2Endpoint
{
    /// <summary>hotcore is the server.</summary>
    bool IsServer { get; }

    /// <summary>
    /// A whole field block begins a message, or ends one with trailers, on stream <paramref name="id"/>;
    /// <paramref name="stream"/> is null where none of that id is open. What is returned, unless it is NoError, ends the
    /// connection.
    /// </summary>
    ErrorCode ReceiveBlock(int id, Http2Stream? stream, ReadOnlySpan<byte> block, bool endsStream);

    /// <summary>The peer has stated its settings, or changed them.</summary>
    void ReceiveSettings();

    /// <summary>The peer will open, or take, no more streams than those up to <paramref name="lastStreamId"/>.</summary>
    void ReceiveGoAway(int lastStreamId);

    /// <summary>The peer has seen everything that was sent before a PING of ours.</summary>
    void ReceivePingAcknowledgement();

    /// <summary>All that is there is used: waits for more, as long as it makes sense; false when it does not.</summary>
    LoopTask<bool> WaitForFramesAsync();

    /// <summary>The peer is served at a cost: false when it has cost too much for what it let us do.</summary>
    bool TryAfford(int cost);

    /// <summary>So much of a body was moved, either way.</summary>
    void Credit(int bytes);
}

/// <summary>
/// One HTTP/2 connection, whichever of its ends hotcore is (RFC 9113): takes frames apart, keeps windows, settings and streams,
/// and answers what is not a message. Owns buffers and decoding state, not the connection below it. Belongs to one loop.
/// </summary>
internal sealed class Http2Connection
{
    private const int FramesPerTurn = 256;
    private const int ReceivesPerTurn = 16;
    private const int RememberedResets = 64;
    private const int PriorityBytes = 5;
    private const int HpackTableBytes = 4096;

    private readonly IHttp2Endpoint _endpoint;
    private readonly ReceiveBuffer _input;
    private readonly HpackDecoder _hpack = new(HpackTableBytes);
    private readonly Dictionary<int, Http2Stream> _streams = [];
    private readonly FieldBlockAssembly _assembly;
    private readonly Readiness _empty;
    private readonly int[] _resets = new int[RememberedResets];
    private ReceiveWindow _window = new(ReceiveWindow.OfConnection, ReceiveWindow.MostOfConnection);
    private FrameHeader _data;
    private int _contentLeft;
    private int _paddingLeft;
    private int _resetCount;
    private bool _hasPeerSettings;
    private bool _isFaulty;

    public Http2Connection(IHttp2Endpoint endpoint, Connection connection, ReceiveBuffer input, Http2Scratch scratch)
    {
        (_endpoint, Connection, _input, Scratch) = (endpoint, connection, input, scratch);
        Output = new Http2Output(connection, endpoint.IsServer ? Timeouts.SilentClient : Timeouts.SilentUpstream);
        _assembly = new FieldBlockAssembly(connection.Loop.Buffers);
        _empty = new Readiness(connection.Loop);
    }

    public Connection Connection { get; }

    public Http2Output Output { get; }

    public Http2Scratch Scratch { get; }

    public PeerSettings Peer { get; } = new();

    /// <summary>The highest id of a stream so far: of the peer's at the server, of ours at the client.</summary>
    public int LastStreamId { get; set; }

    public int StreamCount => _streams.Count;

    /// <summary>In the middle of a frame, or of a field block: the peer owes us the rest.</summary>
    public bool IsMidFrame => !_input.IsEmpty || _assembly.IsOpen;

    /// <summary>Decodes a field block into the loop's scratch; <paramref name="fields"/> gets the lines' positions there.</summary>
    public FieldBlockStatus Decode(ReadOnlySpan<byte> block, FieldSection fields) =>
        Scratch.Block.Read(_hpack, block, Scratch.Bytes, fields);

    /// <summary>States our settings, and how much the connection as a whole may carry.</summary>
    public void SendSettings(ReadOnlySpan<(Setting Setting, int Value)> settings)
    {
        Span<byte> payload = stackalloc byte[6 * settings.Length];
        for (var i = 0; i < settings.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload[(6 * i)..], (ushort)settings[i].Setting);
            BinaryPrimitives.WriteInt32BigEndian(payload[(6 * i + 2)..], settings[i].Value);
        }

        Output.WriteControl(FrameType.Settings, FrameFlags.None, 0, payload);
        Output.WriteWindowUpdate(0, ReceiveWindow.OfConnection - PeerSettings.DefaultWindow);
    }

    /// <summary>Opens a stream that the peer's or our own HEADERS began.</summary>
    public void Open(Http2Stream stream, int id, IHttp2StreamOwner owner)
    {
        stream.Open(this, id, owner, Peer.InitialWindow, hasBegun: _endpoint.IsServer);
        _streams.Add(id, stream);
    }

    /// <summary>Forgets a stream that no method is at work on any more.</summary>
    public void Close(Http2Stream stream)
    {
        _streams.Remove(stream.Id);
        stream.Release();
        if (_streams.Count == 0)
            _empty.Signal();
    }

    /// <summary>Receives frame after frame until the connection ends; NoError when that is all there is to say about it.</summary>
    public async LoopTask<ErrorCode> ReceiveFramesAsync()
    {
        var receives = 0;
        while (true)
        {
            var error = TakeFrames(out var isTurnOver);
            if (error != ErrorCode.NoError)
                return error;
            if (Output.IsBackedUp && !await Output.DrainedAsync())
                return ErrorCode.NoError;
            if (isTurnOver || receives == ReceivesPerTurn)
            {
                receives = 0;
                await Connection.Loop.YieldAsync();
                continue;
            }

            var received = _input.FillFrom(Connection);
            receives++;
            if (received > 0)
                continue;
            receives = 0;
            _input.ReleaseIfEmpty();
            if (received != Connection.WouldBlock || !await _endpoint.WaitForFramesAsync())
                return ErrorCode.NoError;
        }
    }

    /// <summary>Tells the peer what it got wrong, and that this is the end.</summary>
    public LoopTask<bool> SayWhyAsync(ErrorCode error)
    {
        Output.WriteGoAway(_endpoint.IsServer ? LastStreamId : 0, error);
        BreakStreams();
        return Output.DrainedAsync();
    }

    /// <summary>Ends every stream that is left, and sees the methods that are at work on them end; then it gives its buffers back.</summary>
    public async LoopTask EndAsync()
    {
        BreakStreams();
        while (_streams.Count > 0)
        {
            _empty.IsSet = false;
            await _empty.WaitAsync(Timeouts.None);
        }

        await Output.DrainedAsync();
        _assembly.Release();
        Output.Release();
    }

    /// <summary>The result of a receive of ours ended a stream before its time: what the peer sent before it knew is not its fault.</summary>
    public void RememberReset(int id) => _resets[_resetCount++ % RememberedResets] = id;

    /// <summary>A stream had to be reset because of what the peer sent.</summary>
    public void CountFault() => _isFaulty |= !_endpoint.TryAfford(1);

    /// <summary>
    /// So much of what came is out of our hands: the peer may send as much again on the connection, and more where
    /// <paramref name="isPrompt"/>, nothing of it having waited.
    /// </summary>
    public void Acknowledge(int bytes, bool isPrompt = false)
    {
        if (bytes == 0)
            return;
        _endpoint.Credit(bytes);
        var increment = _window.Return(bytes, isPrompt);
        if (increment > 0 && !Connection.IsClosed)
            Output.WriteWindowUpdate(0, increment);
    }

    /// <summary>So much of a body was sent.</summary>
    public void CountSent(int bytes) => _endpoint.Credit(bytes);

    /// <summary>
    /// Takes the frames apart that were received. NoError: all that is there is used, more is to be received, unless
    /// <paramref name="isTurnOver"/>. Any other error ends the connection.
    /// </summary>
    private ErrorCode TakeFrames(out bool isTurnOver)
    {
        isTurnOver = false;
        for (var frames = 0; !Connection.IsClosed; frames++)
        {
            if (_contentLeft + _paddingLeft > 0 && !TakeData())
                return ErrorCode.NoError;
            if (_isFaulty)
                return ErrorCode.EnhanceYourCalm;
            if (frames == FramesPerTurn || Output.IsBackedUp)
            {
                isTurnOver = true;
                return ErrorCode.NoError;
            }

            if (_input.Length < FrameHeader.Bytes)
                return ErrorCode.NoError;
            var header = FrameHeader.Read(_input.Unread);
            var error = CheckHeader(header);
            if (error != ErrorCode.NoError)
                return error;
            if (!HasWhole(header))
                return ErrorCode.NoError;
            error = Take(header);
            if (error != ErrorCode.NoError)
                return error;
        }

        return ErrorCode.NoError;
    }

    /// <summary>The peer takes no streams beyond <paramref name="lastStreamId"/>: they were not begun, as far as it is concerned.</summary>
    public void BreakStreamsBeyond(int lastStreamId)
    {
        foreach (var stream in _streams.Values.ToArray())
        {
            if (stream.Id > lastStreamId)
                stream.ReceiveReset(ErrorCode.RefusedStream);
        }
    }

    /// <summary>The connection is at its end: ends every stream that is left.</summary>
    public void BreakStreams()
    {
        foreach (var stream in _streams.Values.ToArray())
            stream.ReceiveReset(ErrorCode.RefusedStream);
    }

    /// <summary>What can be told from a header alone (RFC 9113 4.1, 4.2, 5.1, 6).</summary>
    private ErrorCode CheckHeader(FrameHeader header)
    {
        if (header.Length > FrameHeader.MostPayloadBytes)
            return ErrorCode.FrameSizeError;
        if (_assembly.IsOpen != (header.Type == FrameType.Continuation) || (_assembly.IsOpen && header.StreamId != _assembly.StreamId))
            return ErrorCode.ProtocolError;
        if (!_hasPeerSettings && (header.Type != FrameType.Settings || header.Has(FrameFlags.Ack)))
            return ErrorCode.ProtocolError;
        var needsStream = header.Type is FrameType.Data or FrameType.Headers or FrameType.Priority or FrameType.ResetStream
            or FrameType.Continuation;
        var forbidsStream = header.Type is FrameType.Settings or FrameType.Ping or FrameType.GoAway;
        return (needsStream && header.StreamId == 0) || (forbidsStream && header.StreamId != 0) || header.Type == FrameType.PushPromise
            ? ErrorCode.ProtocolError
            : ErrorCode.NoError;
    }

    /// <summary>A frame is taken whole, but for DATA, whose content is passed on as it comes.</summary>
    private bool HasWhole(FrameHeader header)
    {
        var needed = header.Type != FrameType.Data ? header.Length : header.Has(FrameFlags.Padded) && header.Length > 0 ? 1 : 0;
        return _input.Length >= FrameHeader.Bytes + needed;
    }

    private ErrorCode Take(FrameHeader header)
    {
        if (header.Type == FrameType.Data)
            return BeginData(header);
        // The bytes stay where they are until more is received, which nothing here does.
        var payload = _input.Unread.Slice(FrameHeader.Bytes, header.Length);
        _input.Consume(FrameHeader.Bytes + header.Length);
        return header.Type switch
        {
            FrameType.Headers => TakeHeaders(header, payload),
            FrameType.Continuation => TakeContinuation(header, payload),
            FrameType.Priority => TakePriority(header, payload),
            FrameType.ResetStream => TakeReset(header, payload),
            FrameType.Settings => TakeSettings(header, payload),
            FrameType.Ping => TakePing(header, payload),
            FrameType.GoAway => TakeGoAway(payload),
            FrameType.WindowUpdate => TakeWindowUpdate(header, payload),
            _ => Afford(), // RFC 9113 5.5: what is unknown is ignored.
        };
    }

    private ErrorCode Afford() => _endpoint.TryAfford(1) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;

    private ErrorCode BeginData(FrameHeader header)
    {
        var padding = header.Has(FrameFlags.Padded) ? header.Length == 0 ? -1 : _input.Unread[FrameHeader.Bytes] : 0;
        var framing = header.Has(FrameFlags.Padded) ? 1 : 0;
        if (padding < 0)
            return ErrorCode.FrameSizeError;
        if (padding + framing > header.Length)
            return ErrorCode.ProtocolError;
        _input.Consume(FrameHeader.Bytes + framing);
        if (!_window.TryTake(header.Length))
            return ErrorCode.FlowControlError;
        (_data, _contentLeft, _paddingLeft) = (header, header.Length - padding - framing, padding);
        var error = CheckData(header);
        if (error == ErrorCode.NoError && _contentLeft == 0 && !header.Has(FrameFlags.EndStream))
            error = Afford();
        if (error != ErrorCode.NoError)
            return error;
        var overhead = padding + framing;
        if (overhead > 0 && StreamOfData() is { } stream)
            stream.Acknowledge(overhead);
        else
            Acknowledge(overhead);
        if (_contentLeft + _paddingLeft == 0)
            EndData();
        return ErrorCode.NoError;
    }

    /// <summary>Whether DATA may come on that stream now (RFC 9113 5.1, 6.1).</summary>
    private ErrorCode CheckData(FrameHeader header)
    {
        if (_streams.TryGetValue(header.StreamId, out var stream) && !stream.IsReset)
        {
            if (!stream.TryCount(header.Length))
                stream.Fail(ErrorCode.FlowControlError);
            else if (stream.RemoteHasEnded)
                stream.Fail(ErrorCode.StreamClosed);
            return ErrorCode.NoError;
        }

        return CheckClosed(header.StreamId);
    }

    /// <summary>A frame came for a stream that is closed, or was never open.</summary>
    public ErrorCode CheckClosed(int id)
    {
        if (Array.IndexOf(_resets, id) >= 0)
            return Afford(); // The peer did not know yet.
        return IsIdle(id) ? ErrorCode.ProtocolError : ErrorCode.StreamClosed;
    }

    /// <summary>The stream has not been opened so far (RFC 9113 5.1).</summary>
    private bool IsIdle(int id) => id > LastStreamId || id % 2 == 0; // Nobody pushes, so all streams are the client's.

    private Http2Stream? StreamOfData() =>
        _streams.TryGetValue(_data.StreamId, out var stream) && !stream.IsReset && !stream.RemoteHasEnded ? stream : null;

    /// <summary>Passes on what is there of a DATA frame; false when the rest is to be received first.</summary>
    private bool TakeData()
    {
        while (_contentLeft > 0)
        {
            var piece = _input.Unread[..Math.Min(_input.Length, _contentLeft)];
            if (piece.IsEmpty)
                return false;
            _contentLeft -= piece.Length;
            _input.Consume(piece.Length);
            if (StreamOfData() is { } stream)
                stream.Receive(piece);
            else
                Acknowledge(piece.Length); // Nobody wants it, but the connection's window counted it.
        }

        var padding = Math.Min(_input.Length, _paddingLeft);
        _input.Consume(padding);
        _paddingLeft -= padding;
        if (_paddingLeft > 0)
            return false;
        EndData();
        return true;
    }

    private void EndData()
    {
        if (_data.Has(FrameFlags.EndStream))
            StreamOfData()?.EndRemote();
    }

    private ErrorCode TakeHeaders(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!TryStrip(header, ref payload, out var error))
            return error;
        if (header.Has(FrameFlags.EndHeaders))
            return Deliver(header, payload);
        return _assembly.TryBegin(header, payload) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
    }

    private ErrorCode TakeContinuation(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!_assembly.TryAdd(payload))
            return ErrorCode.EnhanceYourCalm;
        if (!header.Has(FrameFlags.EndHeaders))
            return ErrorCode.NoError;
        var error = Deliver(_assembly.Begun, _assembly.Block);
        _assembly.Release();
        return error;
    }

    /// <summary>Takes padding and priority off (RFC 9113 6.2).</summary>
    private static bool TryStrip(FrameHeader header, ref ReadOnlySpan<byte> payload, out ErrorCode error)
    {
        var padding = 0;
        error = ErrorCode.FrameSizeError;
        if (header.Has(FrameFlags.Padded))
        {
            if (payload.IsEmpty)
                return false;
            padding = payload[0];
            payload = payload[1..];
        }

        if (header.Has(FrameFlags.Priority))
        {
            if (payload.Length < PriorityBytes)
                return false;
            if (DependsOnItself(header, payload))
            {
                error = ErrorCode.ProtocolError;
                return false;
            }

            payload = payload[PriorityBytes..];
        }

        error = ErrorCode.ProtocolError;
        if (padding > payload.Length)
            return false;
        payload = payload[..^padding];
        return true;
    }

    /// <summary>RFC 7540 5.3.1 forbade it; RFC 9113 forgets priorities, but no honest peer does so.</summary>
    private static bool DependsOnItself(FrameHeader header, ReadOnlySpan<byte> payload) =>
        (BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue) == header.StreamId;

    private ErrorCode Deliver(FrameHeader header, ReadOnlySpan<byte> block)
    {
        _streams.TryGetValue(header.StreamId, out var stream);
        return _endpoint.ReceiveBlock(header.StreamId, stream, block, header.Has(FrameFlags.EndStream));
    }

    private ErrorCode TakePriority(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length == PriorityBytes)
            return DependsOnItself(header, payload) ? ErrorCode.ProtocolError : Afford();
        if (!_streams.TryGetValue(header.StreamId, out var stream))
            return ErrorCode.FrameSizeError;
        stream.Fail(ErrorCode.FrameSizeError);
        return ErrorCode.NoError;
    }

    private ErrorCode TakeReset(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
            return ErrorCode.FrameSizeError;
        if (_streams.TryGetValue(header.StreamId, out var stream) && !stream.IsReset)
            stream.ReceiveReset((ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload));
        else if (IsIdle(header.StreamId))
            return ErrorCode.ProtocolError;
        return Afford();
    }

    private ErrorCode TakeSettings(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Has(FrameFlags.Ack))
            return payload.IsEmpty ? Afford() : ErrorCode.FrameSizeError;
        var windowBefore = Peer.InitialWindow;
        var error = Peer.Apply(payload, fromServer: !_endpoint.IsServer);
        if (error != ErrorCode.NoError)
            return error;
        foreach (var stream in _streams.Values.ToArray())
        {
            if (!stream.TryChangeSendWindow(Peer.InitialWindow - windowBefore))
                return ErrorCode.FlowControlError;
        }

        _hasPeerSettings = true;
        _endpoint.ReceiveSettings();
        Output.WriteControl(FrameType.Settings, FrameFlags.Ack, 0);
        return Afford();
    }

    private ErrorCode TakePing(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 8)
            return ErrorCode.FrameSizeError;
        if (header.Has(FrameFlags.Ack))
            _endpoint.ReceivePingAcknowledgement();
        else
            Output.WriteControl(FrameType.Ping, FrameFlags.Ack, 0, payload);
        return Afford();
    }

    private ErrorCode TakeGoAway(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 8)
            return ErrorCode.FrameSizeError;
        _endpoint.ReceiveGoAway(BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue);
        return Afford();
    }

    private ErrorCode TakeWindowUpdate(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
            return ErrorCode.FrameSizeError;
        var increment = BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
        if (header.StreamId == 0)
        {
            if (increment == 0)
                return ErrorCode.ProtocolError;
            return Output.TryGrowWindow(increment) ? Afford() : ErrorCode.FlowControlError;
        }

        if (!_streams.TryGetValue(header.StreamId, out var stream) || stream.IsReset)
            return IsIdle(header.StreamId) ? ErrorCode.ProtocolError : Afford();
        if (increment == 0)
            stream.Fail(ErrorCode.ProtocolError);
        else if (!stream.TryChangeSendWindow(increment))
            stream.Fail(ErrorCode.FlowControlError);
        return Afford();
    }
}

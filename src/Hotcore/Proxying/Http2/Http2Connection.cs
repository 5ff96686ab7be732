using System.Buffers.Binary;
using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// One HTTP/2 connection, whichever of its ends hotcore is (RFC 9113): takes frames apart, keeps windows, settings and streams,
/// and answers what is not a message. Owns buffers and decoding state, not the connection below it. Belongs to one loop.
/// </summary>
internal sealed class Http2Connection
{
    private const int ReceivesPerTurn = 16;
    private const int RememberedResets = 64;
    private const int HpackTableBytes = 4096;

    private readonly IHttp2Endpoint _endpoint;
    private readonly ReceiveBuffer _input;
    private readonly HpackDecoder _hpack = new(HpackTableBytes);
    private readonly Dictionary<int, Http2Stream> _streams = [];
    private readonly FrameReader _frames;
    private readonly Readiness _empty;
    private readonly int[] _resets = new int[RememberedResets];
    private readonly int _initialWindow;
    private ReceiveWindow _window;
    private int _resetCount;
    private int _brokenCount;

    public Http2Connection(IHttp2Endpoint endpoint, Connection connection, ReceiveBuffer input, Http2Scratch scratch)
    {
        (_endpoint, Connection, _input, Scratch) = (endpoint, connection, input, scratch);
        Output = new Http2Output(connection, endpoint.IsServer ? Timeouts.SilentClient : Timeouts.SilentUpstream);
        _frames = new FrameReader(this, endpoint, input);
        _initialWindow = endpoint.IsServer ? ReceiveWindow.OfConnection : ReceiveWindow.OfSharedConnection;
        _window = new ReceiveWindow(_initialWindow, Math.Max(_initialWindow, ReceiveWindow.MostOfConnection));
        _empty = new Readiness(connection.Loop);
    }

    public Connection Connection { get; }

    public Http2Output Output { get; }

    public Http2Scratch Scratch { get; }

    public PeerSettings Peer { get; } = new();

    /// <summary>The highest id of a stream so far: of the peer's at the server, of ours at the client.</summary>
    public int LastStreamId { get; set; }

    public int StreamCount => _streams.Count;

    /// <summary>Without those that are reset, and whose methods end in the next round (RFC 9113 5.1.2).</summary>
    public int OpenStreamCount => _streams.Count - _brokenCount;

    public IEnumerable<Http2Stream> Streams => _streams.Values;

    /// <summary>The peer's faults have cost more than it is worth: the connection is to end.</summary>
    public bool IsTooCostly { get; private set; }

    /// <summary>In the middle of a frame, or of a field block: the peer owes us the rest.</summary>
    public bool IsMidFrame => !_input.IsEmpty || _frames.IsMidBlock;

    /// <summary>Decodes a field block into the loop's scratch; <paramref name="fields"/> gets the lines' positions there.</summary>
    public FieldBlockStatus Decode(ReadOnlySpan<byte> block, FieldSection fields) =>
        Scratch.Block.Read(_hpack, block, Scratch.Bytes, fields, isOfAnswer: !_endpoint.IsServer);

    /// <summary>
    /// Takes an empty DATA frame that ends the stream, if it is the next one and at hand: some clients end a request without a body so.
    /// </summary>
    public bool TryTakeEnd(int id)
    {
        if (_input.Length < FrameHeader.Bytes)
            return false;
        var next = FrameHeader.Read(_input.Unread);
        if (next is not { Type: FrameType.Data, Length: 0 } || next.StreamId != id || next.Has(FrameFlags.Padded)
            || !next.Has(FrameFlags.EndStream))
            return false;
        _input.Consume(FrameHeader.Bytes);
        return true;
    }

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
        Output.WriteWindowUpdate(0, _initialWindow - PeerSettings.DefaultWindow);
    }

    /// <summary>The stream of that id, as long as it is not forgotten.</summary>
    public Http2Stream? Find(int id) => _streams.GetValueOrDefault(id);

    /// <summary>What the peer may send on a new stream.</summary>
    public ReceiveWindow NewStreamWindow() =>
        new(ReceiveWindow.OfStream, _endpoint.IsServer ? ReceiveWindow.MostOfStream : ReceiveWindow.OfStream);

    /// <summary>Counts a DATA frame against the connection's window; false when the peer was not granted that much.</summary>
    public bool TryCount(int frameBytes) => _window.TryTake(frameBytes);

    /// <summary>The peer grants every stream so much more, or less, than before (RFC 9113 6.9.2); false when that is too much for one.</summary>
    public bool TryChangeSendWindows(int difference)
    {
        foreach (var stream in _streams.Values.ToArray())
        {
            if (!stream.TryChangeSendWindow(difference))
                return false;
        }

        return true;
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
        if (stream.IsReset)
            _brokenCount--;
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
            var error = _frames.TakeFrames(out var isTurnOver);
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
        _frames.Release();
        Output.Release();
    }

    /// <summary>The result of a receive of ours ended a stream before its time: what the peer sent before it knew is not its fault.</summary>
    public void RememberReset(int id) => _resets[_resetCount++ % RememberedResets] = id;

    /// <summary>A stream was reset, and stays until its methods have ended.</summary>
    public void CountBroken() => _brokenCount++;

    /// <summary>A stream had to be reset because of what the peer sent.</summary>
    public void CountFault() => IsTooCostly |= !_endpoint.TryAfford(1);

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

    /// <summary>So much of a body was sent; worthwhile is a frame that holds all there was, or as much as a window should take.</summary>
    public void CountSent(int bytes, bool isWorthwhile) => _endpoint.CreditSent(bytes, isWorthwhile);

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
            stream.EndWithConnection();
    }

    /// <summary>A frame came for a stream that is closed, or was never open.</summary>
    public ErrorCode CheckClosed(int id)
    {
        if (Array.IndexOf(_resets, id) >= 0)
            return _endpoint.TryAfford(1) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm; // The peer did not know yet.
        return IsIdle(id) ? ErrorCode.ProtocolError : ErrorCode.StreamClosed;
    }

    /// <summary>The stream has not been opened so far (RFC 9113 5.1).</summary>
    public bool IsIdle(int id) => id > LastStreamId || id % 2 == 0; // Nobody pushes, so all streams are the client's.
}

using System.Buffers.Binary;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// The frames that go out on one HTTP/2 connection. What a round of the loop writes is gathered and sent at its end, in one
/// call; while the socket takes no more, one buffer waits to be sent and one is filled, and streams that find no room stand in
/// line, each for one frame at a time. So memory is bounded, and no stream starves another.
/// </summary>
internal sealed class Http2Output
{
    // Kept free for the frames that cannot wait: acknowledgements, resets and window updates. They are few, because the peer's
    // frames are not read on while nothing can be sent.
    private const int Reserve = 8 * 1024;
    private const int MostGathered = BufferPool.LargeBytes - Reserve;

    // A DATA frame smaller than this is worth waiting for more room.
    private const int LeastDataBytes = 1024;

    private const int TableUpdateBytes = 1;

    private readonly Connection _connection;
    private readonly long _silenceMilliseconds;
    private readonly Action _flush;
    private readonly LinkedList<Http2Stream> _line = new();
    private readonly LinkedList<Http2Stream> _windowless = new();
    private readonly Readiness _drained;
    private SendBuffer _filling;
    private SendBuffer _sending;
    private Http2Stream? _lastData;
    private int _lastDataEnd;
    private int _lastDataBytes;
    private bool _isFlushScheduled;
    private bool _isSending;
    private bool _hasSaidTableSize;

    /// <summary>What the peer does not take for <paramref name="silenceMilliseconds"/> ends the connection.</summary>
    public Http2Output(Connection connection, long silenceMilliseconds)
    {
        (_connection, _silenceMilliseconds) = (connection, silenceMilliseconds);
        _filling = new SendBuffer(connection.Loop.Buffers);
        _sending = new SendBuffer(connection.Loop.Buffers);
        _drained = new Readiness(connection.Loop);
        _flush = Flush;
    }

    /// <summary>How much the peer takes on the connection as a whole (RFC 9113 6.9).</summary>
    public long Window { get; private set; } = PeerSettings.DefaultWindow;

    /// <summary>Half of what is kept free for the frames that cannot wait is taken: the peer asks faster than it listens.</summary>
    public bool IsBackedUp => _filling.Count > MostGathered + Reserve / 2;

    private int Room => MostGathered - _filling.Count;

    /// <summary>Writes a frame without payload, or with a short one; never waits.</summary>
    public void WriteControl(FrameType type, FrameFlags flags, int streamId, ReadOnlySpan<byte> payload = default)
    {
        WriteHeader(payload.Length, type, flags, streamId);
        _filling.Append(payload);
        ScheduleFlush();
    }

    /// <summary>Writes what a client begins with, before any frame.</summary>
    public void WritePreface(ReadOnlySpan<byte> preface) => _filling.Append(preface);

    public void WriteReset(int streamId, ErrorCode error) => WriteNumber(FrameType.ResetStream, streamId, (uint)error);

    public void WriteWindowUpdate(int streamId, int increment) => WriteNumber(FrameType.WindowUpdate, streamId, (uint)increment);

    public void WriteGoAway(int lastStreamId, ErrorCode error)
    {
        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteInt32BigEndian(payload, lastStreamId);
        BinaryPrimitives.WriteUInt32BigEndian(payload[4..], (uint)error);
        WriteControl(FrameType.GoAway, FrameFlags.None, 0, payload);
    }

    /// <summary>
    /// Writes a field block, in as many frames as it takes; false when the stream has to wait (<see cref="WaitInLine"/>).
    /// </summary>
    public bool TryWriteBlock(Http2Stream stream, ReadOnlySpan<byte> block, bool endsStream)
    {
        const int Most = FrameHeader.MostPayloadBytes - TableUpdateBytes;
        var frames = 1 + block.Length / Most;
        if (!MayWrite(stream, block.Length + frames * FrameHeader.Bytes + TableUpdateBytes))
            return false;
        var type = FrameType.Headers;
        var flags = endsStream ? FrameFlags.EndStream : FrameFlags.None;
        do
        {
            var piece = block[..Math.Min(block.Length, Most)];
            block = block[piece.Length..];
            WriteBlockFrame(type, block.IsEmpty ? flags | FrameFlags.EndHeaders : flags, stream.Id, piece);
            (type, flags) = (FrameType.Continuation, FrameFlags.None);
        }
        while (!block.IsEmpty);
        ScheduleFlush();
        return true;
    }

    /// <summary>
    /// Writes one DATA frame with as much of <paramref name="content"/> as may go now, at most <paramref name="most"/> bytes;
    /// returns how much, or -1 when the stream has to wait.
    /// </summary>
    public int TryWriteData(Http2Stream stream, ReadOnlySpan<byte> content, int most, bool endsStream)
    {
        if (!MayWrite(stream, FrameHeader.Bytes + Math.Min(LeastDataBytes, content.Length)))
            return -1;
        most = (int)Math.Min(Math.Min(most, Window), Room - FrameHeader.Bytes);
        if (most <= 0 && content.Length > 0)
            return -1;
        var piece = content[..Math.Min(content.Length, most)];
        var isLast = endsStream && piece.Length == content.Length;
        WriteHeader(piece.Length, FrameType.Data, isLast ? FrameFlags.EndStream : FrameFlags.None, stream.Id);
        _filling.Append(piece);
        (_lastData, _lastDataEnd, _lastDataBytes) = (stream, _filling.Count, piece.Length);
        Window -= piece.Length;
        ScheduleFlush();
        return piece.Length;
    }

    /// <summary>Ends the stream with the DATA frame it wrote last, if that is the last of all that is gathered: no frame more is needed.</summary>
    public bool TryEndWithLastData(Http2Stream stream)
    {
        if (_lastData != stream || _lastDataEnd != _filling.Count || _filling.Count == 0)
            return false;
        _filling.Patch(_lastDataEnd - _lastDataBytes - FrameHeader.Bytes + FrameHeader.FlagsAt, (byte)FrameFlags.EndStream);
        _lastData = null;
        return true;
    }

    /// <summary>
    /// The stream waits for its turn: for room, or, where <paramref name="needsWindow"/>, for the connection's window. It is
    /// told by <see cref="Http2Stream.TakeTurn"/>.
    /// </summary>
    public void WaitInLine(Http2Stream stream, bool needsWindow)
    {
        if (stream.LineNode.List is not null)
            return;
        (needsWindow && Window <= 0 ? _windowless : _line).AddLast(stream.LineNode);
        Flush();
        if (!_isSending)
            CallNext();
    }

    /// <summary>The stream waits until the connection's window grows.</summary>
    public void WaitForWindow(Http2Stream stream)
    {
        if (stream.LineNode.List is null)
            _windowless.AddLast(stream.LineNode);
    }

    /// <summary>The stream waits no more.</summary>
    public static void LeaveLine(Http2Stream stream) => stream.LineNode.List?.Remove(stream.LineNode);

    /// <summary>The peer takes so many bytes more; false when that is more than a window can be.</summary>
    public bool TryGrowWindow(int increment)
    {
        if (Window + increment > int.MaxValue)
            return false;
        Window += increment;
        if (Window > 0)
        {
            while (_windowless.First is { } node)
            {
                _windowless.Remove(node);
                _line.AddLast(node);
            }
        }

        CallNext();
        return true;
    }

    /// <summary>Waits until what was gathered has gone out; false when it never will.</summary>
    public async LoopTask<bool> DrainedAsync()
    {
        Flush();
        while (_isSending)
        {
            _drained.IsSet = false;
            if (await _drained.WaitAsync(Timeouts.None) != WaitResult.Ready)
                return false;
        }

        return !_connection.IsClosed;
    }

    /// <summary>Sends what is gathered; what the socket does not take now follows when it does.</summary>
    public void Flush()
    {
        _isFlushScheduled = false;
        if (!_isSending && _filling.Count > 0 && !_connection.IsClosed)
            SendAsync().RunDetached(_connection.Loop.Report);
    }

    /// <summary>Gives the buffers back; only when nothing is being sent any more.</summary>
    public void Release()
    {
        _filling.Release();
        _sending.Release();
    }

    private bool MayWrite(Http2Stream stream, int bytes) => (stream.HasTurn || _line.Count == 0) && Room >= bytes;

    private async LoopTask SendAsync()
    {
        _isSending = true;
        try
        {
            while (_filling.Count > 0)
            {
                (_filling, _sending, _lastData) = (_sending, _filling, null);
                if (!await _sending.FlushAsync(_connection, _silenceMilliseconds))
                {
                    _connection.Close(); // Whoever waits to read from it is told so, and ends the rest.
                    return;
                }

                CallNext();
            }
        }
        finally
        {
            _isSending = false;
            _drained.Signal();
        }
    }

    /// <summary>Gives those who stand in line their turn, as long as there is room.</summary>
    private void CallNext()
    {
        // Each once: who stands in line again needs more room than there is before the next send.
        for (var called = _line.Count; called > 0 && Room >= MostGathered / 2 && _line.First is { } node; called--)
        {
            _line.Remove(node);
            node.Value.TakeTurn();
        }
    }

    /// <summary>
    /// The first block says that we keep no table (RFC 7541 4.2), so that it need never be said again, however small the peer
    /// makes its own.
    /// </summary>
    private void WriteBlockFrame(FrameType type, FrameFlags flags, int streamId, ReadOnlySpan<byte> piece)
    {
        WriteHeader(piece.Length + (_hasSaidTableSize ? 0 : TableUpdateBytes), type, flags, streamId);
        if (!_hasSaidTableSize)
        {
            Span<byte> update = stackalloc byte[TableUpdateBytes];
            _filling.Append(update[..HpackEncoder.WriteTableSizeZero(update)]);
            _hasSaidTableSize = true;
        }

        _filling.Append(piece);
    }

    private void ScheduleFlush()
    {
        if (_isFlushScheduled || _isSending)
            return;
        _isFlushScheduled = true;
        _connection.Loop.Schedule(_flush);
    }

    private void WriteNumber(FrameType type, int streamId, uint number)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, number);
        WriteControl(type, FrameFlags.None, streamId, payload);
    }

    private void WriteHeader(int length, FrameType type, FrameFlags flags, int streamId)
    {
        Span<byte> header = stackalloc byte[FrameHeader.Bytes];
        new FrameHeader(length, type, flags, streamId).Write(header);
        _filling.Append(header);
    }
}

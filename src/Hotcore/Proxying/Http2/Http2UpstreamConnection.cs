using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// One HTTP/2 connection to an app's port, with prior knowledge (RFC 9113 3.3), that serves many exchanges at a time. Owns its
/// <see cref="Connection"/> and buffers; reads to its end by itself. Belongs to its <see cref="UpstreamPort"/>.
/// </summary>
internal sealed class Http2UpstreamConnection : IHttp2Endpoint
{
    /// <summary>However many more the app takes: another connection is cheap on one machine.</summary>
    public const int MostStreams = 100;

    private static readonly (Setting, int)[] Settings =
    [
        (Setting.EnablePush, 0),
        (Setting.InitialWindowSize, ReceiveWindow.OfStream),
        (Setting.MaxHeaderListSize, FieldBlock.MostAnswerListBytes),
    ];

    private readonly UpstreamPort _port;
    private readonly Connection _connection;
    private readonly ReceiveBuffer _input;
    private readonly Http2Connection _http2;
    private uint _idleSinceRound;
    private bool _hasSettings;
    private bool _isGoingAway;
    private int _nextId = 1;

    public Http2UpstreamConnection(UpstreamPort port, Connection connection, Http2Scratch scratch)
    {
        (_port, _connection) = (port, connection);
        _input = new ReceiveBuffer(connection.Loop.Buffers);
        _http2 = new Http2Connection(this, connection, _input, scratch);
        IdleSince = connection.Loop.NowMilliseconds;
    }

    public bool IsServer => false;

    public bool IsIdle => _http2.StreamCount == 0 && !_connection.IsClosed;

    /// <summary>What was wrong with the connection as a whole.</summary>
    public AnswerFault? Fault { get; private set; }

    /// <summary>When its last stream ended, on the loop's clock.</summary>
    public long IdleSince { get; private set; }

    /// <summary>It is there, and takes another exchange.</summary>
    public bool CanOpenStream =>
        !_isGoingAway && !_connection.IsClosed && !_connection.PeerHasFinished && _nextId < int.MaxValue - 1
        && _hasSettings && _http2.StreamCount < Math.Min(MostStreams, _http2.Peer.MaxConcurrentStreams)
        && (_http2.StreamCount > 0 || _connection.IsSilent(_idleSinceRound));

    /// <summary>Receives until the connection ends; the streams that are left end with it.</summary>
    public async LoopTask RunAsync()
    {
        try
        {
            _http2.Output.WritePreface(Preface.Bytes);
            _http2.SendSettings(Settings);
            var error = await _http2.ReceiveFramesAsync();
            if (error != ErrorCode.NoError && !_connection.IsClosed)
            {
                Fault = AnswerFault.Of(_input.Unread, "which is no HTTP/2, as gRPC wants it");
                await _http2.SayWhyAsync(error);
            }
        }
        finally
        {
            _isGoingAway = true;
            _connection.Close();
            ReceiveSettings(); // None will come: whoever waits for them opens a connection of its own.
            await _http2.EndAsync();
            _input.Release();
            _port.Forget(this);
        }
    }

    /// <summary>A stream for one exchange, which owns it then.</summary>
    public Http2Upstream OpenStream()
    {
        var upstream = new Http2Upstream(_port, this, _connection);
        _http2.Open(upstream.Stream, _nextId, upstream);
        _http2.LastStreamId = _nextId;
        _nextId += 2;
        return upstream;
    }

    /// <summary>Takes a stream back that no method is at work on any more.</summary>
    public void CloseStream(Http2Upstream upstream)
    {
        _http2.Close(upstream.Stream);
        if (_http2.StreamCount > 0)
            return;
        IdleSince = _connection.Loop.NowMilliseconds;
        _idleSinceRound = _connection.Loop.Round;
        if (_isGoingAway || _http2.Peer.MaxConcurrentStreams == 0)
            Close(); // It is of no more use.
        else
            _port.HasBecomeIdle();
    }

    /// <summary>
    /// The app refused a stream. Perhaps it is on its way out, and closes the connection next: what is tried again here could be lost,
    /// and nobody would know whether it was begun. What is under way goes on.
    /// </summary>
    public void TakeNoMore() => _isGoingAway = true;

    public void Close() => _connection.Close();

    public ErrorCode ReceiveBlock(int id, Http2Stream? stream, ReadOnlySpan<byte> block, bool endsStream)
    {
        var scratch = _http2.Scratch;
        if (stream is not null && !stream.IsReset)
            return FieldBlock.ErrorOf(((Http2Upstream)stream.Owner).ReceiveBlock(block, endsStream));
        var status = _http2.Decode(block, scratch.Ignored);
        return FieldBlock.ErrorOf(status) is var error and not ErrorCode.NoError ? error
            : _http2.IsIdle(id) ? ErrorCode.ProtocolError
            : ErrorCode.NoError; // It was under way when the stream ended.
    }

    public FieldBlockStatus Decode(ReadOnlySpan<byte> block, FieldSection fields) => _http2.Decode(block, fields);

    public Http2Scratch Scratch => _http2.Scratch;

    public void ReceiveSettings()
    {
        if (_hasSettings)
            return;
        _hasSettings = true;
        _port.HasOpenedHttp2();
    }

    public void ReceiveGoAway(int lastStreamId)
    {
        _isGoingAway = true;
        _http2.BreakStreamsBeyond(lastStreamId);
        if (IsIdle)
            Close();
    }

    public void ReceivePingAcknowledgement()
    {
        // We send none.
    }

    public async LoopTask<bool> WaitForFramesAsync() =>
        await _connection.Readable.WaitAsync(Timeouts.None) == WaitResult.Ready;

    /// <summary>The app is the owner's own.</summary>
    public bool TryAfford(int cost) => true;

    public void Credit(int bytes)
    {
        // Nothing is counted against it.
    }

    public void CreditSent(int bytes, bool isWorthwhile)
    {
        // Nor here.
    }
}

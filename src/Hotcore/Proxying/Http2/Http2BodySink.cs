using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// Sends a message in a stream's frames: its head, as soon as there is anything behind it or nothing more at hand, then its
/// body in DATA frames, as far as the peer's windows and the connection's room allow.
/// </summary>
internal sealed class Http2BodySink(Http2Stream stream) : BodySink
{
    /// <summary>How long a small rest of a window is left alone.</summary>
    private const long SmallWindowMilliseconds = 100;

    private const int UsualLeastWindow = 1024;

    private Func<byte[], int>? _encodeHead;
    private long _silenceMilliseconds;

    public override bool IsOpen => !stream.IsReset && !stream.Connection.Connection.IsClosed;

    /// <summary>The head is not written yet: nothing of the message has left.</summary>
    public bool HoldsHead => _encodeHead is not null;

    /// <summary>
    /// Begins a message. <paramref name="encodeHead"/> encodes the head into an array and returns its length; it is called, once,
    /// before the first piece of the body is consumed or another one received.
    /// </summary>
    public void Begin(Func<byte[], int> encodeHead, long silenceMilliseconds) =>
        (_encodeHead, _silenceMilliseconds) = (encodeHead, silenceMilliseconds);

    /// <summary>
    /// A window smaller than this is not filled at once: small frames beget small updates, and so on for ever (the silly window
    /// of RFC 813). What a client with small windows grants counts in proportion.
    /// </summary>
    private int LeastWindow => Math.Min(UsualLeastWindow, stream.Connection.Peer.InitialWindow / 2);

    /// <summary>Forgets the head again.</summary>
    public void TakeBack() => _encodeHead = null;

    public override LoopTask<bool> SendAsync(ReadOnlyMemory<byte> content) => WriteAsync(content, endsStream: false);

    public override LoopTask<bool> FlushAsync() =>
        HoldsHead ? WriteHeadAsync(endsStream: false) : new LoopTask<bool>(IsOpen);

    public override LoopTask<bool> EndAsync(FieldSection trailers) =>
        HasPassing(trailers) ? EndWithTrailersAsync(trailers)
        : HoldsHead ? WriteHeadAsync(endsStream: true)
        : EndBodyAsync();

    private static bool HasPassing(FieldSection trailers)
    {
        foreach (ref readonly var field in trailers.Fields)
        {
            if (HopByHopFields.PassesAsTrailer(field))
                return true;
        }

        return false;
    }

    private LoopTask<bool> EndBodyAsync()
    {
        if (stream.IsReset || !stream.Connection.Output.TryEndWithLastData(stream))
            return WriteAsync(default, endsStream: true);
        stream.LocalHasEnded = true;
        return new LoopTask<bool>(true);
    }

    private async LoopTask<bool> EndWithTrailersAsync(FieldSection trailers)
    {
        if (HoldsHead && !await WriteHeadAsync(endsStream: false))
            return false;
        _encodeHead = scratch => FieldEncoder.EncodeTrailers(scratch, trailers);
        return await WriteHeadAsync(endsStream: true);
    }

    private async LoopTask<bool> WriteHeadAsync(bool endsStream)
    {
        var scratch = stream.Connection.Scratch.Bytes;
        while (IsOpen)
        {
            // Encoded anew after a wait: the array belongs to the whole loop.
            var length = _encodeHead!(scratch);
            if (stream.Connection.Output.TryWriteBlock(stream, scratch.AsSpan(0, length), endsStream))
            {
                _encodeHead = null;
                stream.HasBegun = true;
                stream.EndTurn();
                stream.LocalHasEnded = endsStream;
                return true;
            }

            if (!await stream.WaitToSendAsync(needsWindow: false, _silenceMilliseconds))
                return false;
        }

        return false;
    }

    private async LoopTask<bool> WriteAsync(ReadOnlyMemory<byte> content, bool endsStream)
    {
        if (HoldsHead && !await WriteHeadAsync(endsStream: false))
            return false;
        var isWindowSmall = false;
        while (IsOpen)
        {
            var window = Math.Min(stream.SendWindow, stream.Connection.Output.Window);
            if (window > 0 && window < Math.Min(content.Length, LeastWindow) && !isWindowSmall)
            {
                isWindowSmall = await stream.WaitForWindowAsync(SmallWindowMilliseconds) == WaitResult.TimedOut;
                continue;
            }

            var most = (int)Math.Min(stream.SendWindow, FrameHeader.MostPayloadBytes);
            var written = most > 0 || content.IsEmpty
                ? stream.Connection.Output.TryWriteData(stream, content.Span, most, endsStream)
                : -1;
            if (written >= 0)
            {
                isWindowSmall = false;
                stream.EndTurn();
                stream.CountSent(written, isWorthwhile: written == content.Length || written >= Math.Max(LeastWindow, 64));
                content = content[written..];
                if (!content.IsEmpty)
                    continue;
                stream.LocalHasEnded = endsStream;
                return true;
            }

            if (!await stream.WaitToSendAsync(needsWindow: !content.IsEmpty, _silenceMilliseconds))
                return false;
        }

        return false;
    }
}

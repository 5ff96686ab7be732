using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>The body of a message that comes in a stream's DATA frames.</summary>
internal sealed class Http2BodySource(Http2Stream stream) : BodySource
{
    private long _silenceMilliseconds;

    public override FieldSection Trailers => stream.Trailers;

    /// <summary>Begins a body; for how long nothing of it may come.</summary>
    public void Begin(long silenceMilliseconds) => _silenceMilliseconds = silenceMilliseconds;

    public override BodyEvent TryTake(out ReadOnlyMemory<byte> content)
    {
        content = stream.FirstReceived;
        if (stream.IsFaulty)
            return BodyEvent.Invalid;
        if (!content.IsEmpty)
            return BodyEvent.Content;
        return stream.RemoteHasEnded ? BodyEvent.End : BodyEvent.NeedMore;
    }

    public override void Consume(int count) => stream.Consume(count);

    public override async LoopTask<bool> WaitAsync()
    {
        // What came before a reset counts: an app may answer in full, and then want no more of the request (RFC 9113 8.1).
        if (!HasSomething && !stream.IsReset)
            _ = await stream.WaitToReceiveAsync(_silenceMilliseconds);
        return HasSomething;
    }

    private bool HasSomething => stream.HasReceived || stream.RemoteHasEnded;

    public override void Cancel() => stream.CancelReceiving();
}

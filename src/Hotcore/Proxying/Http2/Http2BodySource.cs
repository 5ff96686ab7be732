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
        if (stream.IsReset)
            return false;
        return await stream.WaitToReceiveAsync(_silenceMilliseconds) == WaitResult.Ready && !stream.IsReset;
    }

    public override void Cancel() => stream.CancelReceiving();
}

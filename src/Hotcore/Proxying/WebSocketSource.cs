using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// The bytes of one direction of a WebSocket. They pass as they come, until hotcore goes away: then the present frame is the last
/// one, and a Close frame of hotcore's own the end. Belongs to one loop.
/// </summary>
/// <param name="inner">Where the bytes come from; stays its owner's.</param>
/// <param name="isMasked">They come from a client, whose frames are masked (RFC 6455 5.1).</param>
internal sealed class WebSocketSource(BodySource inner, bool isMasked) : BodySource
{
    private WebSocketFrames _frames;
    private bool _hasMadeClose;

    /// <summary>What follows is the rest of a frame, a Close frame, and the end.</summary>
    public bool IsGoingAway { get; private set; }

    public override FieldSection Trailers => inner.Trailers;

    /// <summary>Has the direction end after the frame it is in. Whoever waits between two frames is told that the body broke off.</summary>
    public void GoAway()
    {
        IsGoingAway = true;
        if (_frames.IsAtBoundary)
            inner.Cancel();
    }

    public override BodyEvent TryTake(out ReadOnlyMemory<byte> content)
    {
        if (IsGoingAway && _frames.IsAtBoundary)
            return TryTakeClose(out content);
        var next = inner.TryTake(out content);
        if (IsGoingAway)
            content = content[.._frames.PassFrame(content.Span)];
        else
            _frames.Pass(content.Span);
        return next;
    }

    public override void Consume(int count)
    {
        if (!_hasMadeClose)
            inner.Consume(count);
    }

    public override LoopTask<bool> WaitAsync() => inner.WaitAsync();

    public override void Cancel() => inner.Cancel();

    private BodyEvent TryTakeClose(out ReadOnlyMemory<byte> content)
    {
        content = default;
        if (_hasMadeClose || _frames.HasClosed)
            return BodyEvent.End;
        _hasMadeClose = true;
        content = WebSocketFrames.MakeClose(WebSocketFrames.GoingAway, isMasked);
        return BodyEvent.Content;
    }
}

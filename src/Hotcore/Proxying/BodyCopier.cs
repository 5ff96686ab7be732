using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>How the copying of a body ended.</summary>
internal enum BodyCopyResult
{
    /// <summary>All of it was taken and sent.</summary>
    Complete,

    /// <summary>The source's framing was broken.</summary>
    SourceInvalid,

    /// <summary>The source ended, broke, or fell silent before the body was complete.</summary>
    SourceTruncated,

    /// <summary>The sink broke or took nothing for too long.</summary>
    SinkFailed,
}

/// <summary>
/// Moves one body from a source to a sink as it comes: out of one framing, into another, with never more in hand than one
/// piece of the source and one buffer of the sink. It takes only when all it had is sent, which is the back-pressure; and it
/// sends before it waits, so nothing lingers.
/// </summary>
internal static class BodyCopier
{
    /// <summary>After so many bytes without a wait, the loop's other connections get their turn.</summary>
    private const int BytesPerTurn = 512 * 1024;

    public static async LoopTask<BodyCopyResult> CopyAsync(BodySource source, BodySink sink, EventLoop loop)
    {
        var turn = 0;
        while (true)
        {
            switch (source.TryTake(out var content))
            {
                case BodyEvent.Content:
                    if (!await sink.SendAsync(content))
                        return BodyCopyResult.SinkFailed;
                    source.Consume(content.Length);
                    turn += content.Length;
                    break;
                case BodyEvent.NeedMore:
                    if (!await sink.FlushAsync())
                        return BodyCopyResult.SinkFailed;
                    if (turn >= BytesPerTurn)
                    {
                        turn = 0;
                        await loop.YieldAsync();
                        if (!sink.IsOpen)
                            return BodyCopyResult.SinkFailed; // Meanwhile, so no later wait would end for it.
                    }

                    if (!await source.WaitAsync())
                        return BodyCopyResult.SourceTruncated;
                    break;
                case BodyEvent.End:
                    return await sink.EndAsync(source.Trailers) ? BodyCopyResult.Complete : BodyCopyResult.SinkFailed;
                default:
                    return BodyCopyResult.SourceInvalid;
            }
        }
    }
}

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
/// receive buffer and one send buffer. It receives only when all it had is sent, which is the back-pressure; and it sends
/// before it waits, so nothing lingers.
/// </summary>
internal static class BodyCopier
{
    /// <summary>After so many bytes without a wait, the loop's other connections get their turn.</summary>
    private const int BytesPerTurn = 512 * 1024;

    /// <summary>Room that a chunk's own framing needs in the send buffer: size, two line ends.</summary>
    private const int ChunkOverhead = 16;

    public static async LoopTask<BodyCopyResult> CopyAsync(BodySource source, BodySink sink)
    {
        var turn = 0;
        while (true)
        {
            var next = source.Decoder.Take(
                source.Input.Bytes, source.Input.Start, source.Input.Length, out var skip, out var content);
            source.Input.Consume(skip);
            turn += skip + content;
            switch (next)
            {
                case BodyEvent.Content:
                    if (!await SendContentAsync(source.Input.UnreadMemory[..content], sink))
                        return BodyCopyResult.SinkFailed;
                    source.Input.Consume(content);
                    break;
                case BodyEvent.NeedMore:
                    if (!await sink.Output.FlushAsync(sink.Connection, sink.SilenceMilliseconds))
                        return BodyCopyResult.SinkFailed;
                    if (turn >= BytesPerTurn)
                    {
                        turn = 0;
                        await source.Connection.Loop.YieldAsync();
                        if (sink.Connection.IsClosed)
                            return BodyCopyResult.SinkFailed; // Meanwhile, so no later wait would end for it.
                    }

                    if (!await ReceiveAsync(source))
                        return BodyCopyResult.SourceTruncated;
                    break;
                case BodyEvent.End:
                    return await EndAsync(source, sink) ? BodyCopyResult.Complete : BodyCopyResult.SinkFailed;
                default:
                    return BodyCopyResult.SourceInvalid;
            }
        }
    }

    /// <summary>Receives something, or the end where an end completes the body.</summary>
    private static async LoopTask<bool> ReceiveAsync(BodySource source)
    {
        while (true)
        {
            var received = source.Input.FillFrom(source.Connection);
            if (received > 0)
                return true;
            source.Input.ReleaseIfEmpty();
            if (received == 0)
                return source.Decoder.EndOfConnectionCompletes();
            if (received != Connection.WouldBlock)
                return false;
            if (await source.Connection.Readable.WaitAsync(source.SilenceMilliseconds) != WaitResult.Ready)
                return false;
        }
    }

    private static LoopTask<bool> SendContentAsync(ReadOnlyMemory<byte> content, BodySink sink)
    {
        if (content.Length + ChunkOverhead <= sink.Output.Room)
        {
            Gather(content.Span, sink);
            return new LoopTask<bool>(true);
        }

        return sink.IsChunked ? SendChunksAsync(content, sink) : SendDirectlyAsync(content, sink);
    }

    private static void Gather(ReadOnlySpan<byte> content, BodySink sink)
    {
        if (sink.IsChunked)
        {
            sink.Output.AppendHexadecimal(content.Length);
            sink.Output.Append("\r\n"u8);
        }

        sink.Output.Append(content);
        if (sink.IsChunked)
            sink.Output.Append("\r\n"u8);
    }

    private static async LoopTask<bool> SendChunksAsync(ReadOnlyMemory<byte> content, BodySink sink)
    {
        while (content.Length > 0)
        {
            if (sink.Output.Room <= ChunkOverhead
                && !await sink.Output.FlushAsync(sink.Connection, sink.SilenceMilliseconds))
                return false;
            var piece = Math.Min(content.Length, sink.Output.Room - ChunkOverhead);
            Gather(content.Span[..piece], sink);
            content = content[piece..];
        }

        return true;
    }

    private static async LoopTask<bool> SendDirectlyAsync(ReadOnlyMemory<byte> content, BodySink sink) =>
        await sink.Output.FlushAsync(sink.Connection, sink.SilenceMilliseconds)
        && await sink.Connection.SendAsync(content, sink.SilenceMilliseconds);

    private static LoopTask<bool> EndAsync(BodySource source, BodySink sink)
    {
        if (sink.IsChunked)
            HeadWriter.WriteLastChunk(sink.Output, source.Decoder.Trailers);
        return sink.Output.FlushAsync(sink.Connection, sink.SilenceMilliseconds);
    }
}

/// <summary>Where a body comes from, and how long it may be silent. The buffers and the decoder stay their owner's.</summary>
internal readonly record struct BodySource(
    Connection Connection, ReceiveBuffer Input, BodyDecoder Decoder, long SilenceMilliseconds);

/// <summary>Where a body goes, and how long it may take nothing. Not chunked means: as it is, after a length or until close.</summary>
internal readonly record struct BodySink(
    Connection Connection, SendBuffer Output, bool IsChunked, long SilenceMilliseconds);

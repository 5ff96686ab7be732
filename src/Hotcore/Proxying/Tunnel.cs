using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// An exchange that left HTTP behind (RFC 9110 7.8, RFC 8441): bytes pass both ways, untouched and unhurried, for as long as
/// both ends live. When one end finishes sending, that is passed on and the other direction goes on. When hotcore stops, the
/// two ends of a WebSocket are told so.
/// </summary>
internal static class Tunnel
{
    /// <summary>Runs until both directions have ended; both ends can only be closed then.</summary>
    public static LoopTask RunAsync(Exchange exchange, Upstream upstream) =>
        exchange.Response.Fields.FindSingle(KnownField.Upgrade, out var protocol) == 1
            && ListValue.Contains(protocol, "websocket"u8)
            ? PassWebSocketAsync(exchange, upstream)
            : PassBytesAsync(exchange, upstream);

    private static async LoopTask PassBytesAsync(Exchange exchange, Upstream upstream)
    {
        var upward = PassAsync(exchange.RequestBody, upstream.RequestBody, exchange, upstream);
        await PassAsync(upstream.ResponseBody, exchange.AnswerBody, exchange, upstream);
        await upward;
    }

    private static async LoopTask PassWebSocketAsync(Exchange exchange, Upstream upstream)
    {
        var fromClient = new WebSocketSource(exchange.RequestBody, isMasked: true);
        var fromApp = exchange.WebSocket = new WebSocketSource(upstream.ResponseBody, isMasked: false);
        var upward = PassAsync(fromClient, upstream.RequestBody, exchange, upstream);
        await PassAsync(fromApp, exchange.AnswerBody, exchange, upstream);
        exchange.WebSocket = null;
        // Not before: an app that is told may not finish its frame.
        if (fromApp.IsGoingAway)
            fromClient.GoAway();
        await upward;
        if (fromClient.IsGoingAway)
            await AwaitEndAsync(exchange);
    }

    private static async LoopTask PassAsync(BodySource source, BodySink sink, Exchange exchange, Upstream upstream)
    {
        // What is gathered already goes first: the head of the answer.
        if (await sink.FlushAsync())
        {
            var result = await BodyCopier.CopyAsync(source, sink, exchange.Loop.Events);
            if (result == BodyCopyResult.SourceTruncated && source is WebSocketSource { IsGoingAway: true })
                result = await BodyCopier.CopyAsync(source, sink, exchange.Loop.Events); // Called off for the Close frame's sake.
            if (result == BodyCopyResult.Complete)
                return;
        }

        // Broken: there is no other way to tell the end that is still there.
        exchange.CutOff();
        upstream.Abort();
    }

    /// <summary>
    /// Reads on until the client ends too: it answers with a Close frame (RFC 6455 5.5.1), and one that cannot get rid of it
    /// may take the WebSocket for broken.
    /// </summary>
    private static async LoopTask AwaitEndAsync(Exchange exchange)
    {
        while (true)
        {
            var next = exchange.RequestBody.TryTake(out var content);
            if (next == BodyEvent.Content)
                exchange.RequestBody.Consume(content.Length);
            else if (next != BodyEvent.NeedMore || !await exchange.RequestBody.WaitAsync())
                return;
            await exchange.Loop.Events.YieldAsync();
        }
    }
}

using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// An exchange that left HTTP behind (RFC 9110 7.8, RFC 8441): bytes pass both ways, untouched and unhurried, for as long as
/// both ends live. When one end finishes sending, that is passed on and the other direction goes on.
/// </summary>
internal static class Tunnel
{
    /// <summary>Runs until both directions have ended; both ends can only be closed then.</summary>
    public static async LoopTask RunAsync(Exchange exchange, Upstream upstream)
    {
        var upward = PassAsync(exchange.RequestBody, upstream.RequestBody, exchange, upstream);
        await PassAsync(upstream.ResponseBody, exchange.AnswerBody, exchange, upstream);
        await upward;
    }

    private static async LoopTask PassAsync(BodySource source, BodySink sink, Exchange exchange, Upstream upstream)
    {
        // What is gathered already goes first: the head of the answer.
        if (await sink.FlushAsync()
            && await BodyCopier.CopyAsync(source, sink, exchange.Loop.Events) == BodyCopyResult.Complete)
            return;
        // Broken: there is no other way to tell the end that is still there.
        exchange.CutOff();
        upstream.Abort();
    }
}

using Hotcore.Http;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// Takes one request to its app and the answer back, whatever protocols the two ends speak:
/// <code>
/// client ──1 request──►         2 take an upstream         ──3 head, body──►  upstream
/// client ◄─6 head, body──       5 check the answer         ◄─4 head (1xx)───  upstream
///                        7 give the upstream back, or close it
/// </code>
/// The request's body goes up while the answer may already come down. A request is carried out at most once, but for one that met
/// a kept connection which ended before a byte of an answer came: the app may have closed it before the request arrived, so one
/// that may be sent again is, once, and nobody notices.
/// </summary>
internal static class Forwarder
{
    /// <summary>For requests that apps refused without having begun them: one may be on its way out, the next as well.</summary>
    private const int MostSends = 3;

    /// <summary>Serves <paramref name="exchange"/>, whose request head is complete; true when the client may send another request.</summary>
    public static async LoopTask<bool> ForwardAsync(Exchange exchange, Mapping mapping)
    {
        var hasTriedTls = false;
        for (var sends = 1; ; sends++)
        {
            exchange.Upstream = await exchange.Loop.Upstreams.TakeAsync(mapping, exchange); // 2
            if (exchange.Upstream is not { } upstream)
                return await AnswerWithoutUpstreamAsync(exchange, mapping);
            if (exchange.IsAbandoned)
                upstream.Break();
            var sending = SendRequestAsync(exchange, upstream); // 3
            var received = await ReceiveHeadAsync(exchange, upstream); // 4
            var hintsAtTls = upstream.HintsAtTls(exchange, received);
            NoteState(exchange, upstream, received, hintsAtTls);
            var speaksTls = hintsAtTls && !hasTriedTls && await upstream.Port.TryTlsAsync(exchange);
            if (speaksTls && !IsSurelyNotCarriedOut(exchange, received))
                return await FailAsync(exchange, ErrorPage.SpeaksHttps(mapping), upstream, sending);
            if (!speaksTls && !IsToBeSentAgain(exchange, upstream, received, sends))
                return await AnswerAsync(exchange, mapping, upstream, received, sending);
            hasTriedTls |= speaksTls;
            if (received == HeadResult.Died && !speaksTls)
                upstream.DistrustSiblings();
            await EndAsync(exchange, upstream, sending);
        }
    }

    /// <summary>Nothing answers at the port; if the domain leads elsewhere by now, the request begins anew.</summary>
    private static LoopTask<bool> AnswerWithoutUpstreamAsync(Exchange exchange, Mapping mapping)
    {
        var router = exchange.Loop.Router;
        return exchange.IsAbandoned || router.IsInForce(mapping)
            ? exchange.AnswerAsync(ErrorPage.NothingAnswers(mapping))
            : router.ServeAsync(exchange);
    }

    /// <summary>What the port did, for whoever comes next.</summary>
    private static void NoteState(Exchange exchange, Upstream upstream, HeadResult received, bool hintsAtTls)
    {
        if (received == HeadResult.Complete && !hintsAtTls)
            upstream.Port.State.NoteAnswer(exchange.Loop.Events.NowMilliseconds, upstream.IsTls);
        else if (received == HeadResult.Died && !upstream.IsEnded)
            upstream.Port.State.NoteFailure();
    }

    /// <summary>
    /// An app that speaks TLS has not carried out what came without it. Where it said nothing it may speak both, and only what may be
    /// repeated is.
    /// </summary>
    private static bool IsSurelyNotCarriedOut(Exchange exchange, HeadResult received) =>
        received == HeadResult.Died ? exchange.MayBeSentAgain : exchange.CanBeSentAgain;

    private static bool IsToBeSentAgain(Exchange exchange, Upstream upstream, HeadResult received, int sends) =>
        !exchange.IsAbandoned
        && ((received == HeadResult.Died && sends == 1 && upstream.HasServed && exchange.MayBeSentAgain)
            || (received == HeadResult.Refused && sends < MostSends && exchange.CanBeSentAgain));

    /// <summary>Ends the exchange in the way that what was received calls for (5).</summary>
    private static LoopTask<bool> AnswerAsync(
        Exchange exchange, Mapping mapping, Upstream upstream, HeadResult received, LoopTask<BodyCopyResult> sending)
    {
        var isSwitching = received == HeadResult.Complete && exchange.Response.Status == 101;
        var isFit = received == HeadResult.Complete
            && (isSwitching ? exchange.WantsUpgrade && exchange.IsAgreed() : exchange.MayPass());
        if (!isFit)
            exchange.Loop.Faults.Report(exchange, mapping, upstream.Fault ?? FaultOfUnfit(exchange, received));
        if (received == HeadResult.Malformed || (received == HeadResult.Complete && !isFit))
            return FailAsync(exchange, ErrorPage.BadAnswer(mapping), upstream, sending);
        if (received is HeadResult.CalledOff or HeadResult.Refused && exchange.TryPassReset(upstream.ResetCode))
            return EndCalledOffAsync(exchange, upstream, sending);
        if (received is HeadResult.Died or HeadResult.CalledOff or HeadResult.Refused)
            return FailAsync(exchange, ErrorPage.NoAnswer(mapping), upstream, sending);
        return isSwitching
            ? TunnelAsync(exchange, upstream, sending)
            : PassResponseAsync(exchange, mapping, upstream, sending);
    }

    /// <summary>A whole answer that does not fit its request.</summary>
    private static AnswerFault? FaultOfUnfit(Exchange exchange, HeadResult received)
    {
        if (received != HeadResult.Complete)
            return null;
        return AnswerFault.Of(exchange.Response.Status == 101
            ? "answered with 101 and another protocol than was asked for, if any was"
            : "answered a WebSocket's handshake neither with 101 nor with a refusal");
    }

    /// <summary>Writes the head and, beside the rest of the exchange, sends the body.</summary>
    private static async LoopTask<BodyCopyResult> SendRequestAsync(Exchange exchange, Upstream upstream)
    {
        upstream.BeginRequest(exchange);
        if (!exchange.HasBody)
        {
            exchange.EndRequest(exchange.WantsUpgrade
                ? await upstream.RequestBody.FlushAsync()
                : await upstream.RequestBody.EndAsync(Exchange.NoFields));
            return exchange.HasSentRequest ? BodyCopyResult.Complete : BodyCopyResult.SinkFailed;
        }

        var result = await BodyCopier.CopyAsync(exchange.RequestBody, upstream.RequestBody, exchange.Loop.Events);
        // A body that broke off must not pass for a whole one. An upstream that takes no more may still have an answer.
        if (result is BodyCopyResult.SourceInvalid or BodyCopyResult.SourceTruncated)
            upstream.Abort();
        exchange.EndRequest(isComplete: result == BodyCopyResult.Complete);
        return result;
    }

    /// <summary>Receives the final response head, passing interim ones to the client (RFC 9110 15.2).</summary>
    private static async LoopTask<HeadResult> ReceiveHeadAsync(Exchange exchange, Upstream upstream)
    {
        while (true)
        {
            var received = await upstream.ReceiveHeadAsync(exchange);
            if (received != HeadResult.Complete || !exchange.Response.IsInterim || exchange.Response.Status == 101)
                return received;
            exchange.KeepToUpstream();
            if (!await exchange.SendInterimAsync())
            {
                upstream.Break(); // Nobody is there to get the rest.
                return HeadResult.Died;
            }

            await exchange.Loop.Events.YieldAsync(); // There is no end to how many an upstream may send.
        }
    }

    /// <summary>Passes the final answer (6) and settles what becomes of both ends (7).</summary>
    private static async LoopTask<bool> PassResponseAsync(
        Exchange exchange, Mapping mapping, Upstream upstream, LoopTask<BodyCopyResult> sending)
    {
        upstream.BeginBody(exchange.Response);
        exchange.BeginAnswer();
        var result = await BodyCopier.CopyAsync(upstream.ResponseBody, exchange.AnswerBody, exchange.Loop.Events);
        var reason = upstream.ResetCode;
        if (result is BodyCopyResult.SourceInvalid or BodyCopyResult.SourceTruncated)
            exchange.Loop.Faults.Report(exchange, mapping, upstream.Fault);
        if (result == BodyCopyResult.Complete && exchange.HasSentRequest && upstream.IsReusable(exchange.Response))
        {
            await sending; // Complete already: awaiting it gives its state back.
            upstream.Return();
        }
        else
        {
            await EndAsync(exchange, upstream, sending);
        }

        exchange.Upstream = null;
        if (result == BodyCopyResult.SourceInvalid && exchange.TryTakeBackAnswer())
            return await exchange.AnswerAsync(ErrorPage.BadAnswer(mapping)); // There is still time to say so.
        return exchange.EndAnswer(result, reason);
    }

    /// <summary>The upstream agreed to another protocol: passes that on, then bytes (RFC 9110 7.8).</summary>
    private static async LoopTask<bool> TunnelAsync(Exchange exchange, Upstream upstream, LoopTask<BodyCopyResult> sending)
    {
        await sending;
        exchange.BeginTunnel();
        upstream.BeginTunnel();
        await Tunnel.RunAsync(exchange, upstream);
        upstream.Close();
        exchange.Upstream = null;
        return false;
    }

    private static async LoopTask<bool> EndCalledOffAsync(
        Exchange exchange, Upstream upstream, LoopTask<BodyCopyResult> sending)
    {
        await EndAsync(exchange, upstream, sending);
        exchange.Upstream = null;
        return false;
    }

    /// <summary>There is no answer to pass on: says so, unless an answer has begun or the request itself was at fault.</summary>
    private static async LoopTask<bool> FailAsync(
        Exchange exchange, ErrorPage page, Upstream upstream, LoopTask<BodyCopyResult> sending)
    {
        var sent = await EndAsync(exchange, upstream, sending);
        exchange.Upstream = null;
        if (exchange.IsAbandoned || sent == BodyCopyResult.SourceTruncated)
            return false;
        return await exchange.AnswerAsync(sent == BodyCopyResult.SourceInvalid ? ErrorPage.BadBody : page);
    }

    /// <summary>
    /// Breaks the upstream and sees the sending end; only then are its buffers free. Returns how it had ended before: one that is cut
    /// short here is not the body's fault.
    /// </summary>
    private static async LoopTask<BodyCopyResult> EndAsync(
        Exchange exchange, Upstream upstream, LoopTask<BodyCopyResult> sending)
    {
        var hasEnded = sending.IsCompleted;
        upstream.Break();
        exchange.RequestBody.Cancel(); // What is still on its way has nowhere to go.
        var sent = await sending;
        upstream.Close();
        return hasEnded ? sent : BodyCopyResult.SinkFailed;
    }
}

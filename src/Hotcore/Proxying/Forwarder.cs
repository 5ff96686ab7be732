using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// Takes one request to its app and the answer back:
/// <code>
/// client ──1 request──►         2 take a connection        ──3 head, body──►  upstream
/// client ◄─6 head, body──       5 check the answer         ◄─4 head (1xx)───  upstream
///                        7 give the connection back, or close it
/// </code>
/// The request's body goes up while the answer may already come down. Until a byte of the answer came, a request that may be
/// sent again is, on another connection, and nobody notices.
/// </summary>
internal static class Forwarder
{
    /// <summary>One that met a dead kept-alive connection, one that met an app on its way out, one for the app that is back.</summary>
    private const int MostSends = 3;

    /// <summary>Serves <paramref name="exchange"/>, whose request head is complete; true when the client may send another request.</summary>
    public static async LoopTask<bool> ForwardAsync(ClientConnection client, Exchange exchange, Mapping mapping)
    {
        for (var sends = 1; ; sends++)
        {
            exchange.Upstream = await client.Loop.Upstreams.TakeAsync(mapping, exchange); // 2
            if (exchange.Upstream is not { } upstream)
                return await client.AnswerAsync(exchange, ErrorPage.NothingAnswers(mapping));
            if (exchange.IsAbandoned)
                upstream.Connection.Close();
            var sending = SendRequestAsync(client, exchange, upstream); // 3
            var received = await ReceiveHeadAsync(client, exchange, upstream); // 4
            if (received == HeadResult.Died && exchange.MayBeSentAgain && sends < MostSends && !exchange.IsAbandoned)
            {
                upstream.Port.CloseIdle(); // Its siblings are no better.
                await EndAsync(upstream, sending);
                continue;
            }

            return await AnswerAsync(client, exchange, mapping, upstream, received, sending);
        }
    }

    /// <summary>Ends the exchange in the way that what was received calls for.</summary>
    private static LoopTask<bool> AnswerAsync(
        ClientConnection client, Exchange exchange, Mapping mapping, UpstreamConnection upstream, HeadResult received,
        LoopTask<BodyCopyResult> sending)
    {
        if (received == HeadResult.Malformed || (exchange.Response.Status == 101 && !IsAgreed(exchange)))
            return FailAsync(client, exchange, ErrorPage.BadAnswer(mapping), upstream, sending);
        if (received == HeadResult.Died)
            return FailAsync(client, exchange, ErrorPage.NoAnswer(mapping), upstream, sending);
        return exchange.Response.Status == 101
            ? TunnelAsync(client, exchange, upstream, sending)
            : PassResponseAsync(client, exchange, mapping, upstream, sending);
    }

    /// <summary>Writes the head and, beside the rest of the exchange, sends the body.</summary>
    private static async LoopTask<BodyCopyResult> SendRequestAsync(
        ClientConnection client, Exchange exchange, UpstreamConnection upstream)
    {
        HeadWriter.WriteRequest(upstream.Output, exchange.Request, client.Forwarded);
        if (!exchange.HasBody)
        {
            exchange.HasSentRequest = await upstream.Output.FlushAsync(upstream.Connection, Timeouts.SilentUpstream);
            return exchange.HasSentRequest ? BodyCopyResult.Complete : BodyCopyResult.SinkFailed;
        }

        var result = await BodyCopier.CopyAsync(
            new BodySource(client.Connection, client.Input, exchange.RequestBody, Timeouts.SilentClient),
            new BodySink(
                upstream.Connection, upstream.Output, exchange.Request.Framing == BodyFraming.Chunked, Timeouts.SilentUpstream));
        // A body that broke off must not pass for a whole one. An upstream that takes no more may still have an answer.
        if (result is BodyCopyResult.SourceInvalid or BodyCopyResult.SourceTruncated)
            upstream.Connection.Abort();
        exchange.HasSentRequest = result == BodyCopyResult.Complete;
        return result;
    }

    /// <summary>Receives the final response head, passing interim ones to the client (RFC 9110 15.2).</summary>
    private static async LoopTask<HeadResult> ReceiveHeadAsync(
        ClientConnection client, Exchange exchange, UpstreamConnection upstream)
    {
        var (response, parser, input) = (exchange.Response, exchange.ResponseParser, upstream.Input);
        response.Clear();
        parser.Reset();
        while (true)
        {
            var status = input.IsEmpty
                ? ParseStatus.NeedMore
                : parser.Parse(response, input.Bytes, input.Start, input.Length, exchange.AnswersHead);
            if (status == ParseStatus.Invalid)
                return HeadResult.Malformed;
            if (status == ParseStatus.NeedMore)
            {
                var received = input.FillFrom(upstream.Connection);
                if (received > 0)
                    continue;
                var hasBegun = !input.IsEmpty;
                input.ReleaseIfEmpty();
                if (received != Connection.WouldBlock)
                    return hasBegun ? HeadResult.Malformed : HeadResult.Died;
                var silence = hasBegun ? Timeouts.SilentUpstream : Timeouts.None;
                if (await upstream.Connection.Readable.WaitAsync(silence) == WaitResult.TimedOut)
                    return HeadResult.Malformed;
                continue;
            }

            input.Consume(parser.HeadLength);
            if (!response.IsInterim || response.Status == 101)
                return HeadResult.Complete;
            if (!await PassInterimAsync(client, exchange))
                return HeadResult.Died;
            await client.Connection.Loop.YieldAsync(); // There is no end to how many an upstream may send.
            response.Clear();
            parser.Reset();
        }
    }

    private static LoopTask<bool> PassInterimAsync(ClientConnection client, Exchange exchange)
    {
        if (exchange.IsHttp10)
            return new LoopTask<bool>(true); // HTTP/1.0 knows no interim responses.
        exchange.MayNotBeSentAgain();
        HeadWriter.WriteResponse(client.Output, exchange.Response, BodyFraming.None, default);
        return client.Output.FlushAsync(client.Connection, Timeouts.SilentClient);
    }

    /// <summary>Passes the final answer (6) and settles what becomes of both connections (7).</summary>
    private static async LoopTask<bool> PassResponseAsync(
        ClientConnection client, Exchange exchange, Mapping mapping, UpstreamConnection upstream,
        LoopTask<BodyCopyResult> sending)
    {
        var response = exchange.Response;
        var framing = FramingForClient(exchange);
        var staysOpen = client.StaysOpen(exchange) && framing != BodyFraming.UntilClose && exchange.HasSentRequest;
        var sentBefore = client.Connection.SentBytes;
        exchange.HasBegunAnswer = true;
        HeadWriter.WriteResponse(client.Output, response, framing, ClientConnection.ConnectionField(exchange, staysOpen));
        exchange.ResponseBody.Reset(response.Framing, response.ContentLength);
        var result = await BodyCopier.CopyAsync(
            new BodySource(upstream.Connection, upstream.Input, exchange.ResponseBody, Timeouts.SilentUpstream),
            new BodySink(client.Connection, client.Output, framing == BodyFraming.Chunked, Timeouts.SilentClient));
        if (result == BodyCopyResult.Complete && response.IsPersistent && exchange.HasSentRequest
            && upstream.Input.IsEmpty && !upstream.Connection.PeerHasFinished)
        {
            await sending; // Complete already: awaiting it gives its state back.
            client.Loop.Upstreams.Return(upstream);
        }
        else
        {
            await EndAsync(upstream, client, sending);
        }

        exchange.Upstream = null;
        if (result == BodyCopyResult.SourceInvalid && client.Connection.SentBytes == sentBefore)
        {
            client.Output.Release(); // Nothing of it has left: there is still time to say so.
            exchange.HasBegunAnswer = false;
            return await client.AnswerAsync(exchange, ErrorPage.BadAnswer(mapping));
        }

        if (result != BodyCopyResult.Complete)
            client.CutOff(framing);
        else if (!exchange.HasSentRequest)
            client.LingersAtEnd();
        return staysOpen && result == BodyCopyResult.Complete;
    }

    /// <summary>The upstream agreed to another protocol: passes its 101, then bytes (RFC 9110 7.8).</summary>
    private static async LoopTask<bool> TunnelAsync(
        ClientConnection client, Exchange exchange, UpstreamConnection upstream, LoopTask<BodyCopyResult> sending)
    {
        exchange.HasBegunAnswer = true;
        await sending;
        HeadWriter.WriteResponse(client.Output, exchange.Response, BodyFraming.None, default);
        client.BeginTunnel();
        await UpgradeTunnel.RunAsync(client, upstream);
        upstream.Close();
        exchange.Upstream = null;
        return false;
    }

    /// <summary>Whether the upstream switches to a protocol that the client asked for, as it must (RFC 9110 7.8).</summary>
    private static bool IsAgreed(Exchange exchange)
    {
        if (!exchange.WantsUpgrade || exchange.Response.Fields.FindSingle(KnownField.Upgrade, out var chosen) != 1)
            return false;
        exchange.Request.Fields.FindSingle(KnownField.Upgrade, out var offered);
        return ListValue.Contains(offered, chosen);
    }

    /// <summary>There is no answer to pass on: says so, unless an answer has begun or the request itself was at fault.</summary>
    private static async LoopTask<bool> FailAsync(
        ClientConnection client, Exchange exchange, ErrorPage page, UpstreamConnection upstream,
        LoopTask<BodyCopyResult> sending)
    {
        var sent = await EndAsync(upstream, client, sending);
        exchange.Upstream = null;
        if (exchange.IsAbandoned || sent == BodyCopyResult.SourceTruncated)
            return false;
        return await client.AnswerAsync(exchange, sent == BodyCopyResult.SourceInvalid ? ErrorPage.BadBody : page);
    }

    private static LoopTask<BodyCopyResult> EndAsync(
        UpstreamConnection upstream, ClientConnection client, LoopTask<BodyCopyResult> sending)
    {
        upstream.Connection.Close();
        client.Connection.Readable.Cancel(); // The body that is still on its way has nowhere to go.
        return EndAsync(upstream, sending);
    }

    /// <summary>Closes the connection and sees the sending end; only then are its buffers free.</summary>
    private static async LoopTask<BodyCopyResult> EndAsync(UpstreamConnection upstream, LoopTask<BodyCopyResult> sending)
    {
        upstream.Connection.Close();
        var sent = await sending;
        upstream.Close();
        return sent;
    }

    private static BodyFraming FramingForClient(Exchange exchange) => exchange.Response.Framing switch
    {
        BodyFraming.Chunked or BodyFraming.UntilClose => exchange.IsHttp10 ? BodyFraming.UntilClose : BodyFraming.Chunked,
        var framing => framing,
    };

    private enum HeadResult
    {
        /// <summary>A final response head is there.</summary>
        Complete,

        /// <summary>The connection ended before a byte of an answer.</summary>
        Died,

        /// <summary>What came is not an answer, or only part of one.</summary>
        Malformed,
    }
}

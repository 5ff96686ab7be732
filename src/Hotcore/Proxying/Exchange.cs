using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// One request and its answer, on their way through hotcore: the heads, what takes the bodies out of their framing, and the
/// upstream connection that serves it. Lent by the loop for as long as it takes, so an idle client has none.
/// </summary>
internal sealed class Exchange
{
    private Readiness? _hold;

    public RequestHead Request { get; } = new();

    public RequestParser RequestParser { get; } = new();

    public BodyDecoder RequestBody { get; } = new();

    public ResponseHead Response { get; } = new();

    public ResponseParser ResponseParser { get; } = new();

    public BodyDecoder ResponseBody { get; } = new();

    /// <summary>The connection that serves it at the moment.</summary>
    public UpstreamConnection? Upstream { get; set; }

    /// <summary>When its first byte was there, on the loop's clock.</summary>
    public long BeganAt { get; private set; }

    // What is needed of the request after its head may have been overwritten by its body.

    public bool AnswersHead { get; private set; }

    public bool IsHttp10 { get; private set; }

    public bool WantsHtml { get; private set; }

    public bool HasBody { get; private set; }

    public bool WantsUpgrade { get; private set; }

    public bool IsPersistent { get; private set; }

    /// <summary>Sending it a second time does no harm, and all of it is at hand: idempotent (RFC 9110 9.2.2), without a body.</summary>
    public bool MayBeSentAgain { get; private set; }

    /// <summary>The request's head is complete.</summary>
    public bool HasHead { get; private set; }

    /// <summary>All of the request, its body too, is with the upstream.</summary>
    public bool HasSentRequest { get; set; }

    /// <summary>Some of the final answer has gone to the client, so no other answer can.</summary>
    public bool HasBegunAnswer { get; set; }

    /// <summary>The client is gone: nobody waits for the answer.</summary>
    public bool IsAbandoned { get; private set; }

    public void Begin(long nowMilliseconds)
    {
        BeganAt = nowMilliseconds;
        Request.Clear();
        RequestParser.Reset();
        (AnswersHead, IsHttp10, WantsHtml, HasBody) = (false, false, false, false);
        (WantsUpgrade, IsPersistent, MayBeSentAgain) = (false, false, false);
        (HasHead, HasSentRequest, HasBegunAnswer, IsAbandoned, Upstream) = (false, false, false, false, null);
    }

    /// <summary>The head is complete: notes what must outlive it.</summary>
    public void RememberHead()
    {
        HasHead = true;
        AnswersHead = Request.IsHead;
        IsHttp10 = Request.MinorVersion == 0;
        HasBody = Request.HasBody;
        WantsUpgrade = Request.WantsUpgrade;
        IsPersistent = Request.IsPersistent;
        MayBeSentAgain = !HasBody && !WantsUpgrade && Request.IsIdempotent;
        RequestBody.Reset(Request.Framing, Request.ContentLength);
        WantsHtml = AcceptsHtml();
    }

    /// <summary>Something of this upstream's answer has gone to the client already.</summary>
    public void MayNotBeSentAgain() => MayBeSentAgain = false;

    /// <summary>The wait for a port that refuses, which <see cref="Abandon"/> ends.</summary>
    public Readiness BeginHold(EventLoop loop) => _hold = new Readiness(loop);

    /// <summary>
    /// Ends the work on the answer. Only the connection is closed here: its buffers may be in the hands of a method that is
    /// being ended, and whoever owns the exchange returns them afterwards.
    /// </summary>
    public void Abandon()
    {
        IsAbandoned = true;
        Upstream?.Connection.Close();
        _hold?.Cancel();
    }

    private bool AcceptsHtml()
    {
        foreach (ref readonly var field in Request.Fields.Fields)
        {
            if (field.Known == KnownField.Accept && Request.Fields.Value(field).IndexOf("text/html"u8) >= 0)
                return true;
        }

        return false;
    }
}

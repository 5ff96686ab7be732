using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// One request and its answer, on their way through hotcore, whatever protocol the client speaks: the two heads, the bodies'
/// ends at the client's side, and the upstream that serves it. Lent by the loop for as long as it takes, so an idle client has
/// none.
/// </summary>
internal abstract class Exchange
{
    private Readiness? _hold;
    private bool _isIdempotent;

    public RequestHead Request { get; } = new();

    public ResponseHead Response { get; } = new();

    /// <summary>Whose request it is; set by <see cref="Begin"/>.</summary>
    public ClientConnection Client { get; private set; } = null!;

    public ProxyLoop Loop => Client.Loop;

    /// <summary>The body as the client sends it.</summary>
    public abstract BodySource RequestBody { get; }

    /// <summary>The body as the client gets it, after <see cref="BeginAnswer"/> or <see cref="BeginTunnel"/>.</summary>
    public abstract BodySink AnswerBody { get; }

    /// <summary>What serves it at the moment.</summary>
    public Upstream? Upstream { get; set; }

    /// <summary>When its first byte was there, on the loop's clock.</summary>
    public long BeganAt { get; private set; }

    // What is needed of the request after its head may have been overwritten by its body.

    public bool AnswersHead { get; private set; }

    public bool WantsHtml { get; private set; }

    public bool HasBody { get; private set; }

    public bool WantsUpgrade { get; private set; }

    /// <summary>It is a gRPC call: its upstream speaks HTTP/2.</summary>
    public bool IsGrpc { get; private set; }

    /// <summary>
    /// Its client is a proxy before hotcore (a tunnel, an edge), by what it says: requests of many clients come over one connection.
    /// </summary>
    public bool SpeaksForMany { get; private set; }

    /// <summary>All of it is at hand still, and nothing of an answer has gone to the client.</summary>
    public bool CanBeSentAgain { get; private set; }

    /// <summary>The same, and a second time does no harm: it is idempotent (RFC 9110 9.2.2).</summary>
    public bool MayBeSentAgain => CanBeSentAgain && _isIdempotent;

    /// <summary>The request's head is complete.</summary>
    public bool HasHead { get; private set; }

    /// <summary>All of the request, its body too, is with the upstream.</summary>
    public bool HasSentRequest { get; private set; }

    /// <summary>Some of the final answer has gone to the client, so no other answer can.</summary>
    public bool HasBegunAnswer { get; protected set; }

    /// <summary>The client is gone: nobody waits for the answer.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>What the app sends on a WebSocket, for as long as it passes to the client.</summary>
    public WebSocketSource? WebSocket { get; set; }

    /// <summary>No more of the request goes to the upstream: all of it has, where it <paramref name="isComplete"/>.</summary>
    public virtual void EndRequest(bool isComplete) => HasSentRequest = isComplete;

    /// <summary>Passes <see cref="Response"/>, an interim one, to the client (RFC 9110 15.2); false when the client is gone.</summary>
    public abstract LoopTask<bool> SendInterimAsync();

    /// <summary>Begins the final answer with <see cref="Response"/> as its head; <see cref="AnswerBody"/> takes what follows.</summary>
    public abstract void BeginAnswer();

    /// <summary>Takes the answer back if nothing of it has left: another can be given then.</summary>
    public abstract bool TryTakeBackAnswer();

    /// <summary>The answer ended so: true when the client may send another request.</summary>
    /// <param name="result">How its body ended.</param>
    /// <param name="reason">Why, where it broke off.</param>
    public abstract bool EndAnswer(BodyCopyResult result, ErrorCode reason);

    /// <summary>Whether <see cref="Response"/>, a final one, would mean to this client what the app meant.</summary>
    public virtual bool MayPass() => true;

    /// <summary>Whether <see cref="Response"/> switches to a protocol that the client asked for, as it must (RFC 9110 7.8).</summary>
    public abstract bool IsAgreed();

    /// <summary>
    /// Whether <see cref="Response"/> redirects a client that came over https to the very place that it asked for: followed, that goes
    /// in circles.
    /// </summary>
    public bool IsSentBackToHttps() =>
        !HasBody && Response.Status is 301 or 302 or 307 or 308 && (Client.IsSecure || Client.Forwarded.ClaimsHttps(Request))
        && Response.Fields.FindSingle(KnownField.Location, out var location) == 1 && Request.IsAt(location, "https://"u8);

    /// <summary>Passes the upstream's consent to leave HTTP behind; the bodies are the bytes that pass from then on.</summary>
    public abstract void BeginTunnel();

    /// <summary>Ends the client's side in a way that cannot be taken for a proper end.</summary>
    public abstract void CutOff();

    /// <summary>
    /// The app called the exchange off before it answered: tells the client so, where its protocol has words for that.
    /// </summary>
    public virtual bool TryPassReset(ErrorCode error) => false;

    /// <summary>Answers with a page of hotcore's own; true when the client may send another request.</summary>
    public LoopTask<bool> AnswerAsync(ErrorPage page) => AnswerAsync(page.ToAnswer(WantsHtml));

    /// <summary>Answers with something of hotcore's own; true when the client may send another request.</summary>
    public async LoopTask<bool> AnswerAsync(OwnAnswer answer)
    {
        if (HasBegunAnswer || IsAbandoned)
            return false;
        answer.Fill(Response, AnswersHead);
        BeginAnswer();
        var isSent = (AnswersHead || await AnswerBody.SendAsync(answer.Body)) && await AnswerBody.EndAsync(NoFields);
        return EndAnswer(isSent ? BodyCopyResult.Complete : BodyCopyResult.SinkFailed, ErrorCode.InternalError);
    }

    /// <summary>Something of this upstream's answer has gone to the client already.</summary>
    public void KeepToUpstream() => CanBeSentAgain = false;

    /// <summary>The wait for a port that refuses, which <see cref="Abandon"/> ends.</summary>
    public Readiness BeginHold(EventLoop loop) => _hold = new Readiness(loop);

    /// <summary>Has an open WebSocket end with Close frames to its client and its app; false where there is none.</summary>
    public bool TryGoAway()
    {
        WebSocket?.GoAway();
        return WebSocket is not null;
    }

    /// <summary>
    /// Ends the work on the answer. Only the upstream is broken off here: its buffers may be in the hands of a method that is
    /// being ended, and whoever owns the exchange returns them afterwards.
    /// </summary>
    public virtual void Abandon()
    {
        IsAbandoned = true;
        Upstream?.Break();
        _hold?.Cancel();
    }

    /// <summary>An empty section, for a body that ends without trailers.</summary>
    public static FieldSection NoFields { get; } = new();

    protected void Begin(ClientConnection client)
    {
        Client = client;
        BeganAt = client.Connection.Loop.NowMilliseconds;
        Request.Clear();
        (AnswersHead, WantsHtml, HasBody, WantsUpgrade, IsGrpc) = (false, false, false, false, false);
        (SpeaksForMany, CanBeSentAgain, _isIdempotent) = (false, false, false);
        (HasHead, HasSentRequest, HasBegunAnswer, IsAbandoned) = (false, false, false, false);
        (Upstream, WebSocket, _hold) = (null, null, null);
    }

    /// <summary>The head is complete: notes what must outlive it.</summary>
    protected void RememberHead()
    {
        HasHead = true;
        AnswersHead = Request.IsHead;
        HasBody = Request.HasBody;
        WantsUpgrade = Request.WantsUpgrade;
        CanBeSentAgain = !HasBody;
        _isIdempotent = Request.IsIdempotent && !WantsUpgrade;
        foreach (ref readonly var field in Request.Fields.Fields)
        {
            if (field.Known is KnownField.XForwardedFor or KnownField.Forwarded or KnownField.XRealIP or KnownField.Via)
                SpeaksForMany = true;
            else if (field.Known == KnownField.Accept)
                WantsHtml |= Request.Fields.Value(field).IndexOf("text/html"u8) >= 0;
            else if (field.Known == KnownField.ContentType)
                IsGrpc = !WantsUpgrade && GrpcMediaType.Matches(Request.Fields.Value(field));
        }
    }
}

using Hotcore.Http;
using Hotcore.Http.Http2;
using Hotcore.Loops;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>How the receiving of a response head ended.</summary>
internal enum HeadResult
{
    /// <summary>A head is there, final or interim.</summary>
    Complete,

    /// <summary>The upstream ended before a byte of an answer: an app on its way out, a kept-alive connection that died.</summary>
    Died,

    /// <summary>The app did nothing with the request, and says so (RFC 9113 8.7): an app on its way out, or with enough to do.</summary>
    Refused,

    /// <summary>What came is not an answer, or only part of one.</summary>
    Malformed,

    /// <summary>The app called the exchange off, where its protocol has words for that (RFC 9113 8.1).</summary>
    CalledOff,
}

/// <summary>
/// What serves one exchange at a time: a connection to an app's port, or one stream of such a connection. Lent by the
/// <see cref="UpstreamPool"/>; whoever took it settles it with <see cref="Return"/> or <see cref="Close"/>.
/// </summary>
internal abstract class Upstream(UpstreamPort port, Connection connection)
{
    public UpstreamPort Port { get; } = port;

    /// <summary>
    /// The connection has served before, so the app may have closed it before the request arrived. A new one it accepted, and what
    /// became of the request nobody knows.
    /// </summary>
    public abstract bool HasServed { get; }

    /// <summary>hotcore speaks TLS to the app.</summary>
    public bool IsTls { get; } = connection is TlsConnection;

    /// <summary>It was hotcore that ended it, so that nothing can be told of the app.</summary>
    public abstract bool IsEnded { get; }

    /// <summary>
    /// What was received for an exchange's request looks as if the app spoke TLS alone, so that it cannot have carried the request out.
    /// </summary>
    public abstract bool HintsAtTls(Exchange exchange, HeadResult received);

    /// <summary>Takes the request's body, after <see cref="BeginRequest"/>.</summary>
    public abstract BodySink RequestBody { get; }

    /// <summary>Gives the answer's body, after <see cref="BeginBody"/>.</summary>
    public abstract BodySource ResponseBody { get; }

    /// <summary>Writes the head of the exchange's request; <see cref="RequestBody"/> takes what follows.</summary>
    public abstract void BeginRequest(Exchange exchange);

    /// <summary>Receives the next response head, interim or final, into <see cref="Exchange.Response"/>.</summary>
    public abstract LoopTask<HeadResult> ReceiveHeadAsync(Exchange exchange);

    /// <summary>The final head is there, and the body it announces follows.</summary>
    public abstract void BeginBody(ResponseHead response);

    /// <summary>The upstream agreed to leave HTTP behind: the bodies are the bytes that pass from then on.</summary>
    public abstract void BeginTunnel();

    /// <summary>Why the app broke off, where its protocol says so.</summary>
    public virtual ErrorCode ResetCode => ErrorCode.InternalError;

    /// <summary>What was wrong with the answer, once it is known to be no good; null where that is not the app's doing.</summary>
    public abstract AnswerFault? Fault { get; }

    /// <summary>The answer is complete and the upstream could serve another exchange.</summary>
    public abstract bool IsReusable(ResponseHead response);

    /// <summary>The exchange ended cleanly: it is free for another one.</summary>
    public abstract void Return();

    /// <summary>It died before it answered: what else is kept to the same port is no better.</summary>
    public abstract void DistrustSiblings();

    /// <summary>Ends whatever waits on it. Its buffers stay, for the methods that are being ended.</summary>
    public abstract void Break();

    /// <summary>The same, in a way that the app cannot take what it has for the whole request.</summary>
    public abstract void Abort();

    /// <summary>Ends it and gives everything back. Safe to repeat.</summary>
    public abstract void Close();
}

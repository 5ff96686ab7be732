namespace Hotcore.Proxying;

/// <summary>
/// How long silence lasts before hotcore gives up, in milliseconds. There is no limit on how long a message takes, only on
/// how long nothing of it moves.
/// </summary>
internal static class Timeouts
{
    public const long None = -1;

    /// <summary>For a TLS handshake.</summary>
    public const long Handshake = 10_000;

    /// <summary>How long a handshake waits for its domain's first certificate.</summary>
    public const long FirstCertificate = 10_000;

    /// <summary>For the whole head of a request, from its first byte on; for the first byte of a new connection too.</summary>
    public const long RequestHead = 30_000;

    /// <summary>Between two requests of a client.</summary>
    public const long IdleClient = 75_000;

    /// <summary>A client that neither sends the rest of its body nor takes the rest of its answer.</summary>
    public const long SilentClient = 60_000;

    /// <summary>
    /// An upstream that stops in the middle of a message. Long, because event streams are silent for long, and the program
    /// at the other end is the owner's own. Before its answer begins, an upstream may think for as long as its client waits.
    /// </summary>
    public const long SilentUpstream = 3_600_000;

    /// <summary>For a port of this machine to take a connection into its queue, where it neither does so nor refuses.</summary>
    public const long Connect = 10_000;

    /// <summary>
    /// Between two requests to an upstream. Shorter than what apps allow (Node closes after 5 s), so that it is hotcore that closes
    /// and no request meets a connection that is being closed; and than anybody would wait for an app's only thread.
    /// </summary>
    public const long IdleUpstream = 4_000;

    /// <summary>How long a connection to a port in doubt is watched before anything is sent.</summary>
    public const long Watch = 50;

    /// <summary>
    /// How long a new connection may take to be let in, and the first answer over it to come, before it counts as waiting to be accepted.
    /// </summary>
    public const long Starving = 100;

    /// <summary>For a TLS handshake with an app that may not speak TLS, or not any more.</summary>
    public const long UpstreamHandshake = 2_000;

    /// <summary>The same with one whose last answer came over TLS: it may have no thread to spare.</summary>
    public const long KnownUpstreamHandshake = 30_000;

    /// <summary>For the rest of an answer that may say why it refuses plain HTTP.</summary>
    public const long Explanation = 100;

    /// <summary>How often TLS is tried with an app that does not speak it, though what it answered looks so.</summary>
    public const long BetweenTlsTries = 10_000;

    /// <summary>The same with one that has not answered yet: it may have been exchanged for another.</summary>
    public const long BetweenFirstTlsTries = 2_000;

    /// <summary>How often, in the long run, the idle connections to a port are closed while one waits to be accepted.</summary>
    public const long BetweenReliefs = 1_000;

    /// <summary>
    /// How often at most for those that seem to have been accepted, which cannot be told of an app that listens in several processes.
    /// </summary>
    public const long BetweenDoubts = 500;

    /// <summary>A request that can be sent once only takes no kept-alive connection that was silent for longer.</summary>
    public const long SurelyAlive = 1_000;

    /// <summary>How long a request waits for a port that refuses.</summary>
    public const long Hold = 15_000;

    /// <summary>How recently the port must have answered, or the mapping been made, for a request to wait.</summary>
    public const long HoldAfterAnswer = 60_000;

    /// <summary>How often a port that refuses is tried while requests wait for it.</summary>
    public const long Probe = 50;

    /// <summary>A client that has finished sending, over plain HTTP: how soon its answer has to begin before it counts as gone.</summary>
    public const long HalfClosedClient = 2_000;

    /// <summary>The same client, once its answer has begun: how long that may make no progress.</summary>
    public const long HalfClosedReader = 10_000;

    /// <summary>Reading on after the last answer, so that the client gets to see it before a reset: until it is silent for so long.</summary>
    public const long Linger = 5_000;

    /// <summary>The same, however much it sends.</summary>
    public const long LongestLinger = 30_000;

    /// <summary>How long the rest of an HTTP/2 request is taken that was answered before its end.</summary>
    public const long AnsweredRequest = 1_000;

    /// <summary>For the request of a client that was accepted just before hotcore began to stop.</summary>
    public const long Drain = 1_000;

    /// <summary>For the rest of a WebSocket's frame, and for the client's answer to the Close frame behind it, when hotcore stops.</summary>
    public const long GoingAway = 1_000;

    /// <summary>Accepting pauses this long when there are no descriptors left.</summary>
    public const long AcceptPause = 50;
}

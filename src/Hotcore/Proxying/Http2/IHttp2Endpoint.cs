using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>Which end of an HTTP/2 connection hotcore is, and what the messages on it mean there.</summary>
internal interface IHttp2Endpoint
{
    /// <summary>hotcore is the server.</summary>
    bool IsServer { get; }

    /// <summary>
    /// A whole field block begins a message, or ends one with trailers, on stream <paramref name="id"/>;
    /// <paramref name="stream"/> is null where none of that id is open. What is returned, unless it is NoError, ends the
    /// connection.
    /// </summary>
    ErrorCode ReceiveBlock(int id, Http2Stream? stream, ReadOnlySpan<byte> block, bool endsStream);

    /// <summary>The peer has stated its settings, or changed them.</summary>
    void ReceiveSettings();

    /// <summary>The peer will open, or take, no more streams than those up to <paramref name="lastStreamId"/>.</summary>
    void ReceiveGoAway(int lastStreamId);

    /// <summary>The peer has seen everything that was sent before a PING of ours.</summary>
    void ReceivePingAcknowledgement();

    /// <summary>All that is there is used: waits for more, as long as it makes sense; false when it does not.</summary>
    LoopTask<bool> WaitForFramesAsync();

    /// <summary>The peer is served at a cost: false when it has cost too much for what it let us do.</summary>
    bool TryAfford(int cost);

    /// <summary>So much of a body was received and passed on.</summary>
    void Credit(int bytes);

    /// <summary>So much of a body was sent, in one frame.</summary>
    void CreditSent(int bytes, bool isWorthwhile);
}

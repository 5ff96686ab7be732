using Hotcore.Http;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// Where a body goes, piece by piece; the sink puts it into its framing. It takes no more than can be sent or gathered in one
/// buffer, which is the back-pressure. Each method's task is false when the peer broke, or took nothing for too long. Belongs
/// to one loop, and is written by one method at a time.
/// </summary>
internal abstract class BodySink
{
    /// <summary>Whether the peer is still there.</summary>
    public abstract bool IsOpen { get; }

    /// <summary>Takes all of <paramref name="content"/>, sending what does not fit beside what is gathered.</summary>
    public abstract LoopTask<bool> SendAsync(ReadOnlyMemory<byte> content);

    /// <summary>Sends what is gathered: nothing more is at hand for now.</summary>
    public abstract LoopTask<bool> FlushAsync();

    /// <summary>Ends the body, with those of <paramref name="trailers"/> that may pass, and sends all of it.</summary>
    public abstract LoopTask<bool> EndAsync(FieldSection trailers);
}

using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// Where a body comes from, piece by piece, already out of its framing: a message of HTTP/1.1, a stream of HTTP/2, or the bytes
/// of a connection that left HTTP behind. Belongs to one loop, and is read by one method at a time.
/// </summary>
internal abstract class BodySource
{
    /// <summary>The trailer section, once <see cref="TryTake"/> has said <see cref="BodyEvent.End"/>; valid until the exchange ends.</summary>
    public abstract FieldSection Trailers { get; }

    /// <summary>
    /// Takes the next piece that is there, without waiting. <paramref name="content"/> is valid until it is consumed;
    /// <see cref="Consume"/> comes before the next take.
    /// </summary>
    public abstract BodyEvent TryTake(out ReadOnlyMemory<byte> content);

    /// <summary>The piece has been passed on, as far as <paramref name="count"/> bytes: their room is free.</summary>
    public abstract void Consume(int count);

    /// <summary>
    /// Waits until there may be something to take: false when the body broke off, or nothing of it came for as long as it may
    /// be silent.
    /// </summary>
    public abstract LoopTask<bool> WaitAsync();

    /// <summary>Ends a wait: the body has nowhere to go.</summary>
    public abstract void Cancel();
}

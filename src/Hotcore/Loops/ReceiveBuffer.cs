using System.Diagnostics;

namespace Hotcore.Loops;

/// <summary>
/// What a connection has received and nobody has consumed yet. Owns a pooled buffer only while it holds bytes or is being
/// filled, so an idle connection has none. Belongs to one loop.
/// </summary>
/// <remarks>
/// Positions within <see cref="Bytes"/> hold until the next <see cref="FillFrom"/> or <see cref="Release"/>; consuming does
/// not move anything.
/// </remarks>
internal sealed class ReceiveBuffer(BufferPool pool)
{
    /// <summary>The buffer is as large as one may be, and all of it is unread.</summary>
    public const int Full = -3;

    private byte[]? _bytes;
    private int _end;
    private bool _lastFillWasWhole;

    /// <summary>The array that holds the bytes, or an empty one.</summary>
    public byte[] Bytes => _bytes ?? [];

    /// <summary>Where in <see cref="Bytes"/> the unread ones begin.</summary>
    public int Start { get; private set; }

    public int Length => _end - Start;

    public bool IsEmpty => _end == Start;

    public ReadOnlySpan<byte> Unread => _bytes.AsSpan(Start, Length);

    public ReadOnlyMemory<byte> UnreadMemory => _bytes.AsMemory(Start, Length);

    public void Consume(int count)
    {
        Debug.Assert(count <= Length, "Only what was received can be consumed.");
        Start += count;
    }

    /// <summary>
    /// Receives once into the free room, making room first where there is none: the result of
    /// <see cref="Connection.TryReceive"/>, or <see cref="Full"/>. A connection that keeps filling its buffer gets a large one.
    /// </summary>
    public int FillFrom(Connection connection)
    {
        if (!MakeRoom())
            return Full;
        var room = _bytes!.Length - _end;
        var received = connection.TryReceive(_bytes.AsSpan(_end));
        _lastFillWasWhole = received == room;
        if (received > 0)
            _end += received;
        return received;
    }

    /// <summary>Returns the buffer when nothing is unread.</summary>
    public void ReleaseIfEmpty()
    {
        if (IsEmpty)
            Release();
    }

    /// <summary>Returns the buffer and forgets what is unread.</summary>
    public void Release()
    {
        if (_bytes is null)
            return;
        pool.Return(_bytes);
        (_bytes, Start, _end) = (null, 0, 0);
    }

    private bool MakeRoom()
    {
        if (IsEmpty)
        {
            Start = _end = 0;
            if (_bytes is { Length: BufferPool.SmallBytes } && _lastFillWasWhole)
                Release();
            _bytes ??= _lastFillWasWhole ? pool.RentLarge() : pool.RentSmall();
            return true;
        }

        if (_end < _bytes!.Length)
            return true;
        if (Start > 0)
            MoveTo(_bytes);
        else if (_bytes.Length < BufferPool.LargeBytes)
            MoveTo(pool.RentLarge());
        return _end < _bytes.Length;
    }

    private void MoveTo(byte[] target)
    {
        var source = _bytes!;
        Buffer.BlockCopy(source, Start, target, 0, Length);
        (_bytes, Start, _end) = (target, 0, Length);
        if (!ReferenceEquals(source, target))
            pool.Return(source);
    }
}

using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// What came in DATA frames and waits to be passed on, in pooled buffers one behind the other. As much as the stream's window
/// lets the peer send, no more. Belongs to one loop.
/// </summary>
internal sealed class ReceivedBody(BufferPool pool)
{
    private readonly Queue<byte[]> _buffers = new(1);
    private byte[]? _last;
    private int _start;
    private int _end;

    public int Length { get; private set; }

    public bool IsEmpty => Length == 0;

    /// <summary>The first bytes, as many as lie together; valid until they are consumed.</summary>
    public ReadOnlyMemory<byte> First =>
        IsEmpty ? default : _buffers.Peek().AsMemory(_start, Math.Min(Length, EndOfFirst - _start));

    private int EndOfFirst => _buffers.Count == 1 ? _end : BufferPool.SmallBytes;

    public void Add(ReadOnlySpan<byte> content)
    {
        while (content.Length > 0)
        {
            if (_last is null || _end == BufferPool.SmallBytes)
            {
                _last = pool.RentSmall();
                _buffers.Enqueue(_last);
                _end = 0;
            }

            var piece = content[..Math.Min(content.Length, BufferPool.SmallBytes - _end)];
            piece.CopyTo(_last.AsSpan(_end));
            _end += piece.Length;
            Length += piece.Length;
            content = content[piece.Length..];
        }
    }

    public void Consume(int count)
    {
        _start += count;
        Length -= count;
        if (_start < EndOfFirst && !IsEmpty)
            return;
        pool.Return(_buffers.Dequeue());
        _start = 0;
        if (_buffers.Count == 0)
            _last = null;
    }

    public void Release()
    {
        while (_buffers.TryDequeue(out var buffer))
            pool.Return(buffer);
        (_last, _start, _end, Length) = (null, 0, 0, 0);
    }
}

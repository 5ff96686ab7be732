using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// A field block that comes in several frames (RFC 9113 6.10). Holds a buffer only while a block is open. What it refuses cannot
/// be decoded, so the connection cannot go on.
/// </summary>
internal sealed class FieldBlockAssembly(BufferPool pool)
{
    private const int MostFrames = 16;

    private byte[]? _bytes;
    private int _length;
    private int _frames;

    public bool IsOpen => _bytes is not null;

    /// <summary>The frame that began the block.</summary>
    public FrameHeader Begun { get; private set; }

    public int StreamId => Begun.StreamId;

    public ReadOnlySpan<byte> Block => _bytes.AsSpan(0, _length);

    public bool TryBegin(FrameHeader header, ReadOnlySpan<byte> piece)
    {
        (Begun, _bytes, _length, _frames) = (header, pool.RentLarge(), 0, 0);
        return TryAdd(piece);
    }

    /// <summary>False when the block is longer, or in more pieces, than any honest one.</summary>
    public bool TryAdd(ReadOnlySpan<byte> piece)
    {
        if (++_frames > MostFrames || piece.Length > _bytes!.Length - _length)
            return false;
        piece.CopyTo(_bytes.AsSpan(_length));
        _length += piece.Length;
        return true;
    }

    public void Release()
    {
        if (_bytes is not null)
            pool.Return(_bytes);
        _bytes = null;
    }
}

using Hotcore.Http;
using Hotcore.Http.Http2;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// What all HTTP/2 connections of one loop share, one after another: whoever uses it is done with it before anything is awaited,
/// or handed to somebody else's code.
/// </summary>
internal sealed class Http2Scratch
{
    public byte[] Bytes { get; } = GC.AllocateUninitializedArray<byte>(FieldBlock.ScratchBytes);

    public FieldBlock Block { get; } = new();

    /// <summary>For a block that has to be decoded, and is of no interest beyond that.</summary>
    public FieldSection Ignored { get; } = new();
}

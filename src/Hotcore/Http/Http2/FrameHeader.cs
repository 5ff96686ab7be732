using System.Buffers.Binary;

namespace Hotcore.Http.Http2;

/// <summary>RFC 9113 6.</summary>
internal enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    ResetStream = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>RFC 9113 6; what a bit means depends on the type.</summary>
[Flags]
internal enum FrameFlags : byte
{
    None = 0,
    Ack = 0x1,
    EndStream = 0x1,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}

/// <summary>RFC 9113 7.</summary>
internal enum ErrorCode : uint
{
    NoError = 0,
    ProtocolError = 1,
    InternalError = 2,
    FlowControlError = 3,
    SettingsTimeout = 4,
    StreamClosed = 5,
    FrameSizeError = 6,
    RefusedStream = 7,
    Cancel = 8,
    CompressionError = 9,
    ConnectError = 10,
    EnhanceYourCalm = 11,
    InadequateSecurity = 12,
    Http11Required = 13,
}

/// <summary>The nine octets before every frame's payload (RFC 9113 4.1); the length is that of the payload alone.</summary>
internal readonly record struct FrameHeader(int Length, FrameType Type, FrameFlags Flags, int StreamId)
{
    public const int Bytes = 9;

    /// <summary>Where among them the flags stand.</summary>
    public const int FlagsAt = 4;

    /// <summary>The largest payload that hotcore takes, and the one that every peer does.</summary>
    public const int MostPayloadBytes = 16 * 1024;

    private const int StreamIdMask = int.MaxValue;

    public bool Has(FrameFlags flag) => (Flags & flag) != 0;

    public static FrameHeader Read(ReadOnlySpan<byte> bytes) => new(
        (bytes[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(bytes[1..]),
        (FrameType)bytes[3],
        (FrameFlags)bytes[FlagsAt],
        BinaryPrimitives.ReadInt32BigEndian(bytes[5..]) & StreamIdMask);

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt32BigEndian(target, (Length << 8) | (byte)Type);
        target[FlagsAt] = (byte)Flags;
        BinaryPrimitives.WriteInt32BigEndian(target[5..], StreamId);
    }
}

using System.Buffers.Binary;

namespace Hotcore.Http.Http2;

/// <summary>RFC 9113 6.5.2 and RFC 8441 3.</summary>
internal enum Setting : ushort
{
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
    EnableConnectProtocol = 8,
}

/// <summary>What the peer of a connection has stated in its SETTINGS, as far as hotcore acts on it.</summary>
internal sealed class PeerSettings
{
    public const int DefaultWindow = 65_535;

    private const int BytesOfOne = 6;

    /// <summary>How much may be sent on a new stream before the peer grants more.</summary>
    public int InitialWindow { get; private set; } = DefaultWindow;

    /// <summary>The largest payload the peer takes.</summary>
    public int MaxFrameSize { get; private set; } = FrameHeader.MostPayloadBytes;

    /// <summary>How many streams the peer allows to be open; it says nothing at first, which is no limit.</summary>
    public int MaxConcurrentStreams { get; private set; } = int.MaxValue;

    /// <summary>Takes over the payload of a SETTINGS frame; what is wrong with it is a connection error.</summary>
    /// <param name="payload">The settings, in the order in which they take effect.</param>
    /// <param name="fromServer">A server may not allow push (RFC 9113 7: ENABLE_PUSH).</param>
    public ErrorCode Apply(ReadOnlySpan<byte> payload, bool fromServer)
    {
        if (payload.Length % BytesOfOne != 0)
            return ErrorCode.FrameSizeError;
        for (; payload.Length > 0; payload = payload[BytesOfOne..])
        {
            var setting = (Setting)BinaryPrimitives.ReadUInt16BigEndian(payload);
            var error = Apply(setting, BinaryPrimitives.ReadUInt32BigEndian(payload[2..]), fromServer);
            if (error != ErrorCode.NoError)
                return error;
        }

        return ErrorCode.NoError;
    }

    private ErrorCode Apply(Setting setting, uint value, bool fromServer)
    {
        switch (setting)
        {
            case Setting.EnablePush when value > (fromServer ? 0 : 1):
            case Setting.EnableConnectProtocol when value > 1:
                return ErrorCode.ProtocolError;
            case Setting.InitialWindowSize when value > int.MaxValue:
                return ErrorCode.FlowControlError;
            case Setting.InitialWindowSize:
                InitialWindow = (int)value;
                break;
            case Setting.MaxFrameSize when value is < FrameHeader.MostPayloadBytes or > 0xFF_FFFF:
                return ErrorCode.ProtocolError;
            case Setting.MaxFrameSize:
                MaxFrameSize = (int)value;
                break;
            case Setting.MaxConcurrentStreams:
                MaxConcurrentStreams = (int)Math.Min(value, int.MaxValue);
                break;
        }

        // The others are of no consequence to us: we keep no encoding table, and what is unknown is to be ignored.
        return ErrorCode.NoError;
    }
}

using System.Buffers.Binary;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

public enum Http2FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    RstStream = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>The flags of a frame; the lowest bit is END_STREAM of some and ACK of others.</summary>
[Flags]
public enum Http2Flags : byte
{
    None = 0,
    EndStream = 0x1,
    Ack = 0x1,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}

/// <summary>RFC 9113 7.</summary>
public enum Http2Error : uint
{
    NoError,
    ProtocolError,
    InternalError,
    FlowControlError,
    SettingsTimeout,
    StreamClosed,
    FrameSizeError,
    RefusedStream,
    Cancel,
    CompressionError,
    ConnectError,
    EnhanceYourCalm,
    InadequateSecurity,
    Http11Required,
}

/// <summary>RFC 9113 6.5.2 and RFC 8441 3.</summary>
public enum Http2Setting : ushort
{
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
    EnableConnectProtocol = 8,
}

/// <summary>One frame, right or wrong: nothing here checks anything.</summary>
public sealed record Http2Frame(Http2FrameType Type, Http2Flags Flags, uint Stream, byte[] Payload)
{
    public const int HeaderLength = 9;

    /// <summary>What a client of HTTP/2 says first: RFC 9113 3.4.</summary>
    public const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    public static Http2Frame SettingsAck { get; } = new(Http2FrameType.Settings, Http2Flags.Ack, 0, []);

    public bool IsAck => Flags.HasFlag(Http2Flags.Ack);

    public bool EndsStream => Flags.HasFlag(Http2Flags.EndStream);

    /// <summary>The error that a RST_STREAM or GOAWAY names.</summary>
    public Http2Error Error => (Http2Error)ReadUInt32(Type == Http2FrameType.GoAway ? 4 : 0);

    /// <summary>The last stream that a GOAWAY names, or the increment of a WINDOW_UPDATE.</summary>
    public uint Number => ReadUInt32(0) & 0x7fffffff;

    public static Http2Frame Headers(uint stream, byte[] block, bool endStream = true, bool endHeaders = true) => new(
        Http2FrameType.Headers,
        (endStream ? Http2Flags.EndStream : 0) | (endHeaders ? Http2Flags.EndHeaders : 0),
        stream,
        block);

    public static Http2Frame Continuation(uint stream, byte[] block, bool endHeaders = true) =>
        new(Http2FrameType.Continuation, endHeaders ? Http2Flags.EndHeaders : 0, stream, block);

    public static Http2Frame Data(uint stream, byte[] bytes, bool endStream = false) =>
        new(Http2FrameType.Data, endStream ? Http2Flags.EndStream : 0, stream, bytes);

    /// <summary>Text as Latin-1: each character is one byte.</summary>
    public static Http2Frame Data(uint stream, string text, bool endStream = false) =>
        Data(stream, Encoding.Latin1.GetBytes(text), endStream);

    public static Http2Frame Padded(Http2Frame frame, byte padding) => frame with
    {
        Flags = frame.Flags | Http2Flags.Padded,
        Payload = [padding, .. frame.Payload, .. new byte[padding]],
    };

    public static Http2Frame Priority(uint stream, uint dependsOn, byte weight = 15) =>
        new(Http2FrameType.Priority, 0, stream, [.. UInt32(dependsOn), weight]);

    public static Http2Frame RstStream(uint stream, Http2Error error = Http2Error.Cancel) =>
        new(Http2FrameType.RstStream, 0, stream, UInt32((uint)error));

    public static Http2Frame Settings(params (Http2Setting Name, uint Value)[] settings) => new(
        Http2FrameType.Settings,
        0,
        0,
        [.. settings.SelectMany(setting => (byte[])[0, (byte)setting.Name, .. UInt32(setting.Value)])]);

    public static Http2Frame Ping(string eightBytes, bool isAck = false) =>
        new(Http2FrameType.Ping, isAck ? Http2Flags.Ack : 0, 0, Encoding.Latin1.GetBytes(eightBytes));

    public static Http2Frame GoAway(uint lastStream, Http2Error error = Http2Error.NoError) =>
        new(Http2FrameType.GoAway, 0, 0, [.. UInt32(lastStream), .. UInt32((uint)error)]);

    public static Http2Frame WindowUpdate(uint stream, uint increment) =>
        new(Http2FrameType.WindowUpdate, 0, stream, UInt32(increment));

    public static byte[] UInt32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Bytes(params IEnumerable<Http2Frame> frames)
    {
        var bytes = new MemoryStream();
        foreach (var frame in frames)
            bytes.Write(frame.ToBytes());
        return bytes.ToArray();
    }

    /// <summary>The nine bytes of a header, with a length that may be a lie.</summary>
    public static byte[] Header(int length, byte type, byte flags, uint stream) =>
        [(byte)(length >> 16), (byte)(length >> 8), (byte)length, type, flags, .. UInt32(stream)];

    public byte[] ToBytes() => [.. Header(Payload.Length, (byte)Type, (byte)Flags, Stream), .. Payload];

    public override string ToString() =>
        $"{Type} {Flags} on {Stream} of {Payload.Length}: {Convert.ToHexString(Payload.AsSpan(0, Math.Min(40, Payload.Length)))}";

    private uint ReadUInt32(int at) => BinaryPrimitives.ReadUInt32BigEndian(Payload.AsSpan(at));
}

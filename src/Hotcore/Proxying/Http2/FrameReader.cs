using System.Buffers.Binary;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// Takes the frames apart that an HTTP/2 connection receives (RFC 9113 4 to 6), and has each do what it says. Belongs to its
/// connection.
/// </summary>
internal sealed class FrameReader(Http2Connection connection, IHttp2Endpoint endpoint, ReceiveBuffer input)
{
    private const int FramesPerTurn = 256;
    private const int PriorityBytes = 5;

    private readonly FieldBlockAssembly _assembly = new(connection.Connection.Loop.Buffers);
    private readonly DataReader _data = new(connection, endpoint, input);
    private bool _hasPeerSettings;

    /// <summary>A field block has begun, and its end is to come.</summary>
    public bool IsMidBlock => _assembly.IsOpen;

    /// <summary>
    /// Takes the frames apart that were received. NoError: all that is there is used, more is to be received, unless
    /// <paramref name="isTurnOver"/>. Any other error ends the connection.
    /// </summary>
    public ErrorCode TakeFrames(out bool isTurnOver)
    {
        isTurnOver = false;
        for (var frames = 0; !connection.Connection.IsClosed; frames++)
        {
            if (!_data.TryFinish())
                return ErrorCode.NoError;
            if (connection.IsTooCostly)
                return ErrorCode.EnhanceYourCalm;
            if (frames == FramesPerTurn || connection.Output.IsBackedUp)
            {
                isTurnOver = true;
                return ErrorCode.NoError;
            }

            if (input.Length < FrameHeader.Bytes)
                return ErrorCode.NoError;
            var header = FrameHeader.Read(input.Unread);
            var error = CheckHeader(header);
            if (error != ErrorCode.NoError)
                return error;
            if (!HasWhole(header))
                return ErrorCode.NoError;
            error = Take(header);
            if (error != ErrorCode.NoError)
                return error;
        }

        return ErrorCode.NoError;
    }

    /// <summary>Gives back what an unfinished block holds.</summary>
    public void Release() => _assembly.Release();

    /// <summary>What can be told from a header alone (RFC 9113 4.1, 4.2, 5.1, 6).</summary>
    private ErrorCode CheckHeader(FrameHeader header)
    {
        if (header.Length > FrameHeader.MostPayloadBytes)
            return ErrorCode.FrameSizeError;
        if (_assembly.IsOpen != (header.Type == FrameType.Continuation) || (_assembly.IsOpen && header.StreamId != _assembly.StreamId))
            return ErrorCode.ProtocolError;
        if (!_hasPeerSettings && (header.Type != FrameType.Settings || header.Has(FrameFlags.Ack)))
            return ErrorCode.ProtocolError;
        var needsStream = header.Type is FrameType.Data or FrameType.Headers or FrameType.Priority or FrameType.ResetStream
            or FrameType.Continuation;
        var forbidsStream = header.Type is FrameType.Settings or FrameType.Ping or FrameType.GoAway;
        return (needsStream && header.StreamId == 0) || (forbidsStream && header.StreamId != 0) || header.Type == FrameType.PushPromise
            ? ErrorCode.ProtocolError
            : ErrorCode.NoError;
    }

    /// <summary>A frame is taken whole, but for DATA, whose content is passed on as it comes.</summary>
    private bool HasWhole(FrameHeader header)
    {
        var needed = header.Type != FrameType.Data ? header.Length : header.Has(FrameFlags.Padded) && header.Length > 0 ? 1 : 0;
        return input.Length >= FrameHeader.Bytes + needed;
    }

    private ErrorCode Take(FrameHeader header)
    {
        if (header.Type == FrameType.Data)
            return _data.Begin(header);
        // The bytes stay where they are until more is received, which nothing here does.
        var payload = input.Unread.Slice(FrameHeader.Bytes, header.Length);
        input.Consume(FrameHeader.Bytes + header.Length);
        return header.Type switch
        {
            FrameType.Headers => TakeHeaders(header, payload),
            FrameType.Continuation => TakeContinuation(header, payload),
            FrameType.Priority => TakePriority(header, payload),
            FrameType.ResetStream => TakeReset(header, payload),
            FrameType.Settings => TakeSettings(header, payload),
            FrameType.Ping => TakePing(header, payload),
            FrameType.GoAway => TakeGoAway(payload),
            FrameType.WindowUpdate => TakeWindowUpdate(header, payload),
            _ => Afford(), // RFC 9113 5.5: what is unknown is ignored.
        };
    }

    private ErrorCode Afford() => endpoint.TryAfford(1) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;

    private ErrorCode TakeHeaders(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!TryStrip(header, ref payload, out var error))
            return error;
        if (header.Has(FrameFlags.EndHeaders))
            return Deliver(header, payload);
        return _assembly.TryBegin(header, payload) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
    }

    private ErrorCode TakeContinuation(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!_assembly.TryAdd(payload))
            return ErrorCode.EnhanceYourCalm;
        if (!header.Has(FrameFlags.EndHeaders))
            return ErrorCode.NoError;
        var error = Deliver(_assembly.Begun, _assembly.Block);
        _assembly.Release();
        return error;
    }

    /// <summary>Takes padding and priority off (RFC 9113 6.2).</summary>
    private static bool TryStrip(FrameHeader header, ref ReadOnlySpan<byte> payload, out ErrorCode error)
    {
        var padding = 0;
        error = ErrorCode.FrameSizeError;
        if (header.Has(FrameFlags.Padded))
        {
            if (payload.IsEmpty)
                return false;
            padding = payload[0];
            payload = payload[1..];
        }

        if (header.Has(FrameFlags.Priority))
        {
            if (payload.Length < PriorityBytes)
                return false;
            if (DependsOnItself(header, payload))
            {
                error = ErrorCode.ProtocolError;
                return false;
            }

            payload = payload[PriorityBytes..];
        }

        error = ErrorCode.ProtocolError;
        if (padding > payload.Length)
            return false;
        payload = payload[..^padding];
        return true;
    }

    /// <summary>RFC 7540 5.3.1 forbade it; RFC 9113 forgets priorities, but no honest peer does so.</summary>
    private static bool DependsOnItself(FrameHeader header, ReadOnlySpan<byte> payload) =>
        (BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue) == header.StreamId;

    private ErrorCode Deliver(FrameHeader header, ReadOnlySpan<byte> block)
    {
        return endpoint.ReceiveBlock(header.StreamId, connection.Find(header.StreamId), block, header.Has(FrameFlags.EndStream));
    }

    private ErrorCode TakePriority(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length == PriorityBytes)
            return DependsOnItself(header, payload) ? ErrorCode.ProtocolError : Afford();
        if (connection.Find(header.StreamId) is not { } stream)
            return ErrorCode.FrameSizeError;
        stream.Fail(ErrorCode.FrameSizeError);
        return ErrorCode.NoError;
    }

    private ErrorCode TakeReset(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
            return ErrorCode.FrameSizeError;
        if (connection.Find(header.StreamId) is { IsReset: false } stream)
            stream.ReceiveReset((ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload));
        else if (connection.IsIdle(header.StreamId))
            return ErrorCode.ProtocolError;
        return Afford();
    }

    private ErrorCode TakeSettings(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Has(FrameFlags.Ack))
            return payload.IsEmpty ? Afford() : ErrorCode.FrameSizeError;
        var windowBefore = connection.Peer.InitialWindow;
        var error = connection.Peer.Apply(payload, fromServer: !endpoint.IsServer);
        if (error != ErrorCode.NoError)
            return error;
        if (!connection.TryChangeSendWindows(connection.Peer.InitialWindow - windowBefore))
            return ErrorCode.FlowControlError;
        _hasPeerSettings = true;
        endpoint.ReceiveSettings();
        connection.Output.WriteControl(FrameType.Settings, FrameFlags.Ack, 0);
        return Afford();
    }

    private ErrorCode TakePing(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 8)
            return ErrorCode.FrameSizeError;
        if (header.Has(FrameFlags.Ack))
            endpoint.ReceivePingAcknowledgement();
        else
            connection.Output.WriteControl(FrameType.Ping, FrameFlags.Ack, 0, payload);
        return Afford();
    }

    private ErrorCode TakeGoAway(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 8)
            return ErrorCode.FrameSizeError;
        endpoint.ReceiveGoAway(BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue);
        return Afford();
    }

    private ErrorCode TakeWindowUpdate(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 4)
            return ErrorCode.FrameSizeError;
        var increment = BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
        if (header.StreamId == 0)
        {
            if (increment == 0)
                return ErrorCode.ProtocolError;
            return connection.Output.TryGrowWindow(increment) ? Afford() : ErrorCode.FlowControlError;
        }

        if (connection.Find(header.StreamId) is not { IsReset: false } stream)
            return connection.IsIdle(header.StreamId) ? ErrorCode.ProtocolError : Afford();
        if (increment == 0)
            stream.Fail(ErrorCode.ProtocolError);
        else if (!stream.TryChangeSendWindow(increment))
            stream.Fail(ErrorCode.FlowControlError);
        return Afford();
    }
}

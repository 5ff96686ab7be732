using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// Takes DATA frames (RFC 9113 6.1), whose content is passed on as it comes, however large the frame. Belongs to its connection's
/// <see cref="FrameReader"/>.
/// </summary>
internal sealed class DataReader(Http2Connection connection, IHttp2Endpoint endpoint, ReceiveBuffer input)
{
    private FrameHeader _frame;
    private int _contentLeft;
    private int _paddingLeft;

    public ErrorCode Begin(FrameHeader header)
    {
        var padding = header.Has(FrameFlags.Padded) ? header.Length == 0 ? -1 : input.Unread[FrameHeader.Bytes] : 0;
        var framing = header.Has(FrameFlags.Padded) ? 1 : 0;
        if (padding < 0)
            return ErrorCode.FrameSizeError;
        if (padding + framing > header.Length)
            return ErrorCode.ProtocolError;
        input.Consume(FrameHeader.Bytes + framing);
        if (!connection.TryCount(header.Length))
            return ErrorCode.FlowControlError;
        (_frame, _contentLeft, _paddingLeft) = (header, header.Length - padding - framing, padding);
        var error = CheckData(header);
        if (error == ErrorCode.NoError && _contentLeft == 0 && !header.Has(FrameFlags.EndStream))
            error = endpoint.TryAfford(1) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
        if (error != ErrorCode.NoError)
            return error;
        var overhead = padding + framing;
        if (overhead > 0 && StreamOfData() is { } stream)
            stream.Acknowledge(overhead);
        else
            connection.Acknowledge(overhead);
        if (_contentLeft + _paddingLeft == 0)
            EndData();
        return ErrorCode.NoError;
    }

    /// <summary>Whether DATA may come on that stream now (RFC 9113 5.1, 6.1).</summary>
    private ErrorCode CheckData(FrameHeader header)
    {
        if (connection.Find(header.StreamId) is { IsReset: false } stream)
        {
            if (!stream.TryCount(header.Length))
                stream.Fail(ErrorCode.FlowControlError);
            else if (stream.RemoteHasEnded)
                stream.Fail(ErrorCode.StreamClosed);
            else if (!stream.TakesContent)
                stream.Fail(ErrorCode.ProtocolError);
            return ErrorCode.NoError;
        }

        return connection.CheckClosed(header.StreamId);
    }

    private Http2Stream? StreamOfData() =>
        connection.Find(_frame.StreamId) is { IsReset: false, RemoteHasEnded: false } stream ? stream : null;

    /// <summary>Passes on what is there of a DATA frame; false when the rest is to be received first.</summary>
    public bool TryFinish()
    {
        if (_contentLeft + _paddingLeft == 0)
            return true;
        while (_contentLeft > 0)
        {
            var piece = input.Unread[..Math.Min(input.Length, _contentLeft)];
            if (piece.IsEmpty)
                return false;
            _contentLeft -= piece.Length;
            input.Consume(piece.Length);
            if (StreamOfData() is { } stream)
                stream.Receive(piece);
            else
                connection.Acknowledge(piece.Length); // Nobody wants it, but the connection's window counted it.
        }

        var padding = Math.Min(input.Length, _paddingLeft);
        input.Consume(padding);
        _paddingLeft -= padding;
        if (_paddingLeft > 0)
            return false;
        EndData();
        return true;
    }

    private void EndData()
    {
        if (_frame.Has(FrameFlags.EndStream))
            StreamOfData()?.EndRemote();
    }
}

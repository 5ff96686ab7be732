using Hotcore.Http;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// Puts a body into the framing of an HTTP/1.1 message: chunked, or as it is, after a length or until the connection ends.
/// Connection and buffer stay their owner's. Lives as long as they do, and is begun anew for each message.
/// </summary>
internal sealed class Http1BodySink(long silenceMilliseconds) : BodySink
{
    /// <summary>Room that a chunk's own framing needs in the send buffer: size, two line ends.</summary>
    private const int ChunkOverhead = 16;

    private Connection? _connection;
    private SendBuffer? _output;
    private long _silenceMilliseconds;
    private BodyFraming _framing;
    private bool _isTunnel;

    public override bool IsOpen => !_connection!.IsClosed;

    /// <summary>Begins a body behind the head that is in <paramref name="output"/>.</summary>
    public void Begin(Connection connection, SendBuffer output, BodyFraming framing)
    {
        (_connection, _output, _framing, _isTunnel) = (connection, output, framing, false);
        _silenceMilliseconds = silenceMilliseconds;
    }

    /// <summary>What follows is no HTTP any more: bytes as they are, and the end of them is the end of sending.</summary>
    public void BeginTunnel(Connection connection, SendBuffer output)
    {
        Begin(connection, output, BodyFraming.UntilClose);
        (_silenceMilliseconds, _isTunnel) = (Timeouts.None, true);
    }

    private bool IsChunked => _framing == BodyFraming.Chunked;

    public override LoopTask<bool> SendAsync(ReadOnlyMemory<byte> content)
    {
        // Behind a head that announces no body it would be taken for the next message.
        if (_framing == BodyFraming.None && content.Length > 0)
            return new LoopTask<bool>(false);
        if (content.Length + ChunkOverhead <= _output!.Room)
        {
            Gather(content.Span);
            return new LoopTask<bool>(true);
        }

        return IsChunked ? SendChunksAsync(content) : SendDirectlyAsync(content);
    }

    public override LoopTask<bool> FlushAsync() => _output!.FlushAsync(_connection!, _silenceMilliseconds);

    public override LoopTask<bool> EndAsync(FieldSection trailers)
    {
        if (_isTunnel)
            return EndTunnelAsync();
        if (IsChunked)
            HeadWriter.WriteLastChunk(_output!, trailers);
        return FlushAsync();
    }

    private async LoopTask<bool> EndTunnelAsync()
    {
        var isSent = await FlushAsync();
        _connection!.FinishSending();
        return isSent;
    }

    private void Gather(ReadOnlySpan<byte> content)
    {
        if (IsChunked)
        {
            _output!.AppendHexadecimal(content.Length);
            _output.Append("\r\n"u8);
        }

        _output!.Append(content);
        if (IsChunked)
            _output.Append("\r\n"u8);
    }

    private async LoopTask<bool> SendChunksAsync(ReadOnlyMemory<byte> content)
    {
        while (content.Length > 0)
        {
            if (_output!.Room <= ChunkOverhead && !await FlushAsync())
                return false;
            var piece = Math.Min(content.Length, _output.Room - ChunkOverhead);
            Gather(content.Span[..piece]);
            content = content[piece..];
        }

        return true;
    }

    private async LoopTask<bool> SendDirectlyAsync(ReadOnlyMemory<byte> content) =>
        await FlushAsync() && await _connection!.SendAsync(content, _silenceMilliseconds);
}

using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// One connection that hotcore made to a <see cref="TestUpstream"/>: what it received, and what it answers.
/// </summary>
public sealed class UpstreamConnection(TestUpstream upstream, Socket socket) : IDisposable
{
    public Socket Socket { get; } = socket;

    public WireReader Reader { get; } = new(socket, limit: null);

    /// <summary>Every byte that was received so far, as Latin-1 text.</summary>
    public string Received => Reader.Received;

    /// <summary>The next request, whole; null if the connection ended before its first byte.</summary>
    public async Task<ReceivedRequest?> ReadRequest()
    {
        if (await ReadHead() is not { } head)
            return null;
        var body = BodyOf(head);
        var request = new ReceivedRequest(head, await body.ReadAll(), body.Trailers, body.Framing);
        upstream.Note(request);
        return request;
    }

    /// <summary>The next request, which must come.</summary>
    public async Task<ReceivedRequest> ExpectRequest() =>
        await Wait.For(ReadRequest(), "a request at the upstream")
        ?? throw new TruncatedMessageException("hotcore closed the upstream connection before a request");

    /// <summary>The head of the next request, which must come; its body stays on the wire.</summary>
    public async Task<MessageHead> ExpectHead() =>
        await Wait.For(ReadHead(), "the head of a request at the upstream")
        ?? throw new TruncatedMessageException("hotcore closed the upstream connection before a request");

    public IncomingBody BodyOf(MessageHead head) => IncomingBody.OfRequest(Reader, head);

    /// <summary>Reads on until hotcore ends the connection, and returns how it did.</summary>
    public async Task<ConnectionEnd> ExpectEnd()
    {
        await Wait.For(Reader.ReadToEnd(), "the end of an upstream connection");
        return Reader.End!.Value;
    }

    public Task Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await Socket.SendAsync(bytes, SocketFlags.None)..];
    }

    public void HalfClose() => Socket.Shutdown(SocketShutdown.Send);

    public void Close() => Socket.Dispose();

    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    /// <summary>Sends everything back until the other side ends, then ends this side.</summary>
    public async Task Echo()
    {
        var buffer = new byte[65_536];
        for (int read; (read = await Reader.Read(buffer)) > 0;)
            await Send(buffer.AsMemory(0, read));
        if (Reader.End == ConnectionEnd.Closed)
            HalfClose();
    }

    public void Dispose() => Socket.Dispose();

    private async Task<MessageHead?> ReadHead()
    {
        var head = await Reader.ReadHead();
        // Asked for only so that a malformed request line is noticed here.
        _ = head?.Method;
        return head;
    }
}

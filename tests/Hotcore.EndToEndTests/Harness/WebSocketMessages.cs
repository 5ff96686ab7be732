using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>WebSocket messages of up to 1 MB.</summary>
public static class WebSocketMessages
{
    public const int MostBytes = 1024 * 1024;

    /// <summary>Reads one message whole, and returns its length; -1 for the closing one.</summary>
    public static async Task<int> Read(WebSocket socket, Memory<byte> into)
    {
        for (var length = 0; ;)
        {
            var result = await socket.ReceiveAsync(into[length..], default);
            length += result.Count;
            if (result.EndOfMessage)
                return result.MessageType == WebSocketMessageType.Close ? -1 : length;
        }
    }

    /// <summary>The proof that an upgrade was understood (RFC 6455 4.2.2).</summary>
    public static string AcceptOf(Fields request) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(
        request["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

    /// <summary>Serves an upstream connection: every message goes back.</summary>
    public static async Task Echo(UpstreamConnection connection) =>
        await Echo(connection, (await connection.ExpectRequest()).Head);

    /// <summary>The same, from a request on whose head was read already.</summary>
    public static async Task Echo(UpstreamConnection connection, MessageHead request)
    {
        await connection.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Accept: {AcceptOf(request.Fields)}\r\n\r\n");
        using var socket = WebSocket.CreateFromStream(
            new NetworkStream(connection.Socket), new WebSocketCreationOptions { IsServer = true });
        var buffer = new byte[MostBytes + 1];
        for (int length; (length = await Read(socket, buffer)) >= 0;)
            await socket.SendAsync(buffer.AsMemory(0, length), WebSocketMessageType.Binary, true, default);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default);
    }
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>An app that agrees to every upgrade, and leaves what follows to the test.</summary>
internal sealed class WebSocketApp : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _connections = [];

    public WebSocketApp() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Takes the next connection and its request, and answers nothing; the socket stays this object's own.</summary>
    public async Task<(Socket Connection, string Head)> AcceptAsync()
    {
        var connection = await _listener.AcceptSocketAsync().WaitAsync(RunningLoop.Limit);
        _connections.Add(connection);
        var timeout = (int)RunningLoop.Limit.TotalMilliseconds;
        (connection.NoDelay, connection.ReceiveTimeout, connection.SendTimeout) = (true, timeout, timeout);
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append(Encoding.Latin1.GetString(connection.ReceiveExactly(1)));
        return (connection, head.ToString());
    }

    /// <summary>Takes the next connection, whose request is an upgrade, and agrees (RFC 6455 4.2.2).</summary>
    public async Task<Socket> UpgradeAsync()
    {
        var (connection, head) = await AcceptAsync();
        var fields = head.Split("\r\n").Skip(1).Where(line => line.Contains(": ")).Select(line => line.Split(": ", 2))
            .ToLookup(field => field[0].ToLowerInvariant(), field => field[1]);
        var key = fields["sec-websocket-key"].FirstOrDefault() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        connection.Send(Encoding.Latin1.GetBytes(
            $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {fields["upgrade"].First()}\r\n"
            + $"Sec-WebSocket-Accept: {Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key)))}\r\n\r\n"));
        return connection;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _connections.ForEach(connection => connection.Dispose());
    }
}

internal static class SocketBytes
{
    public static byte[] ReceiveExactly(this Socket socket, int count)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            var more = socket.Receive(bytes.AsSpan(received));
            if (more == 0)
                throw new EndOfStreamException($"{received} of {count} bytes came.");
            received += more;
        }

        return bytes;
    }

    /// <summary>All that comes until the other end has finished sending.</summary>
    public static byte[] ReceiveToEnd(this Socket socket)
    {
        var (all, piece) = (new List<byte>(), new byte[10_000]);
        while (socket.Receive(piece) is > 0 and var count)
            all.AddRange(piece.AsSpan(0, count));
        return [.. all];
    }
}

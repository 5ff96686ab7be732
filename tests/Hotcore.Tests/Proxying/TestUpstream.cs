using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Proxying;

/// <summary>
/// The simplest app there can be: answers each request head, and the body of a known length behind it, with the same bytes.
/// Keeps what it received.
/// </summary>
internal sealed class TestUpstream : IDisposable
{
    private readonly Socket _listener;
    private readonly Func<string, string> _answer;
    private readonly Lock _gate = new();
    private readonly List<Socket> _clients = [];
    private int _requestCount;

    public TestUpstream(Func<string, string> answer, IPAddress? address = null)
    {
        address ??= IPAddress.Loopback;
        _answer = answer;
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, 0));
        _listener.Listen(2000);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>How many requests have come so far.</summary>
    public int RequestCount => Volatile.Read(ref _requestCount);

    /// <summary>Every answer waits for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public void Dispose()
    {
        _listener.Dispose();
        lock (_gate)
        {
            foreach (var client in _clients)
                client.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync();
                client.NoDelay = true;
                lock (_gate)
                    _clients.Add(client);
                _ = ServeAsync(client);
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var (buffer, received) = (new byte[100_000], 0);
        try
        {
            while (true)
            {
                var count = await client.ReceiveAsync(buffer.AsMemory(received));
                if (count == 0)
                    return;
                received += count;
                while (MessageLength(buffer.AsSpan(0, received)) is > 0 and var length)
                {
                    var request = Encoding.Latin1.GetString(buffer, 0, length);
                    buffer.AsSpan(length, received - length).CopyTo(buffer);
                    received -= length;
                    Interlocked.Increment(ref _requestCount);
                    await Gate;
                    var answer = Encoding.Latin1.GetBytes(_answer(request));
                    for (var sent = 0; sent < answer.Length;)
                        sent += await client.SendAsync(answer.AsMemory(sent));
                }
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The proxy, or the test, has closed it.
        }
    }

    /// <summary>How long the first request is, with its body; 0 as long as some of it is missing.</summary>
    private static int MessageLength(ReadOnlySpan<byte> received)
    {
        var end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return 0;
        var head = Encoding.Latin1.GetString(received[..end]);
        var length = head.Split("\r\n").Where(l => l.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase))
            .Select(l => int.Parse(l["Content-Length: ".Length..])).FirstOrDefault();
        return end + 4 + length <= received.Length ? end + 4 + length : 0;
    }
}

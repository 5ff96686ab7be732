using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>One UDP socket that talks to hotcore, as any program on the machine may.</summary>
public sealed class ControlSocket : IDisposable
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly Socket _socket;
    private readonly IPEndPoint _hotcore;
    private readonly byte[] _buffer = new byte[65_536];

    public ControlSocket(IPEndPoint hotcore, IPAddress? from = null)
    {
        _hotcore = hotcore;
        _socket = new Socket(hotcore.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        if (from != null)
            _socket.Bind(new IPEndPoint(from, 0));
    }

    /// <summary>Sends one message and returns the reply, without the newline it may end with.</summary>
    public async Task<string> Ask(string text)
    {
        await Send(Encoding.UTF8.GetBytes(text));
        return await Receive() ?? throw new TimeoutException($"no reply to \"{text}\"");
    }

    public async Task Send(ReadOnlyMemory<byte> datagram) =>
        await _socket.SendToAsync(datagram, SocketFlags.None, _hotcore);

    /// <summary>The next reply; null if none comes in time, or before <paramref name="stop"/>.</summary>
    public async Task<string?> Receive(TimeSpan? limit = null, CancellationToken stop = default)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        end.CancelAfter(limit ?? Wait.Limit);
        try
        {
            // Not ReceiveAsync: only the From variants leave the socket unconnected, so that a hotcore that is
            // killed meanwhile shows as silence and not as ECONNREFUSED.
            var from = new IPEndPoint(_hotcore.Address, 0);
            var received = await _socket.ReceiveFromAsync(_buffer, SocketFlags.None, from, end.Token);
            LastReplyBytes = received.ReceivedBytes;
            return StrictUtf8.GetString(_buffer, 0, received.ReceivedBytes).TrimEnd('\n');
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>The size of the last reply as it came.</summary>
    public int LastReplyBytes { get; private set; }

    public void Dispose() => _socket.Dispose();
}

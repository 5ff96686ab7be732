using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Control;

/// <summary>
/// Asks a running hotcore, and waits for its reply. Blocks, no longer than the time limit for each address.
/// </summary>
/// <param name="port">The control port, 1 to 65535.</param>
/// <param name="timeLimit">How long to wait for a reply.</param>
internal sealed class ControlClient(int port, TimeSpan timeLimit)
{
    /// <summary>A hotcore that runs has replied long before.</summary>
    public static readonly TimeSpan DefaultTimeLimit = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Sends a message and returns the reply; null where no hotcore runs: nobody has the port (which is known at once),
    /// or nobody replied in time.
    /// </summary>
    public string? Ask(string message)
    {
        var request = Encoding.UTF8.GetBytes(message);
        if (request.Length > ControlMessage.MaxRequestBytes)
            return ControlMessage.FormatError($"a message is at most {ControlMessage.MaxRequestBytes} bytes long");
        return Ask(request, IPAddress.Loopback) ?? Ask(request, IPAddress.IPv6Loopback);
    }

    /// <summary>Asks for a listing, page by page; its lines, or null as <see cref="Ask(string)"/> does.</summary>
    /// <param name="message">The message for the first page; with " after domain" behind it, for the next.</param>
    public IEnumerable<string>? AskForAll(string message)
    {
        var lines = new List<string>();
        var request = message;
        while (Ask(request) is string reply)
        {
            var page = reply.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var goesOn = page is [_, .., ControlMessage.More];
            lines.AddRange(goesOn ? page[..^1] : page);
            if (!goesOn) return lines;
            request = $"{message} after {page[^2].Split(' ')[0]}";
        }
        return null;
    }

    private string? Ask(byte[] request, IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.ReceiveTimeout = (int)timeLimit.TotalMilliseconds;
            // A connected socket hears of a refusal, and takes no reply from anyone else.
            socket.Connect(address, port);
            socket.Send(request);
            var reply = new byte[ushort.MaxValue];
            return Encoding.UTF8.GetString(reply, 0, socket.Receive(reply));
        }
        catch (SocketException)
        {
            // Refused, silent, or without this IP version: not running, as far as anyone can tell from here.
            return null;
        }
    }
}

using System.Diagnostics;
using System.Net;
using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// A program in a booted Debian that changes mappings by messages, waits for each reply, and knows what has to be stored. One
/// caller at a time.
/// </summary>
/// <param name="debian">The Debian's network.</param>
/// <param name="loopback">Which of its loopback addresses the program sends to.</param>
/// <param name="name">What its domains begin with.</param>
/// <param name="keepsSocket">Whether one socket sends all messages, or each message has its own.</param>
/// <param name="patience">
/// How long it waits. Whether a reply comes is what counts; how fast it does is for a bench on a quiet machine to say.
/// </param>
public sealed class LoadMessages(NetworkNamespace debian, IPAddress loopback, string name, bool keepsSocket, TimeSpan patience)
    : IDisposable
{
    private const int Domains = 3;
    private const int Port = 40608;

    private readonly Dictionary<string, int> _stored = [];
    private ControlSocket? _socket;
    private int _count;

    /// <summary>The longest that any reply took.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>What was acknowledged last of each domain.</summary>
    public IReadOnlyDictionary<string, int> Stored => _stored;

    /// <summary>Maps or unmaps one domain, and asks whether that is known then.</summary>
    public async Task Change()
    {
        var domain = $"{name}{_count % Domains}.example.com";
        var port = 10_000 + _count++;
        if (_stored.ContainsKey(domain) && port % 4 == 0)
        {
            Assert.Equal($"ok {domain}", await Ask($"remove {domain}"));
            _stored.Remove(domain);
            Assert.StartsWith("error ", await Ask($"status {domain}"));
        }
        else
        {
            await Map(domain, port);
            Assert.StartsWith($"{domain} {port} ", await Ask($"status {domain}"));
        }
    }

    public async Task Map(string domain, int port)
    {
        Assert.Equal($"ok {domain} {port}", await Ask($"add {domain} {port}"));
        _stored[domain] = port;
    }

    public void Dispose() => _socket?.Dispose();

    private async Task<string> Ask(string message)
    {
        var socket = _socket ??= debian.Make(() => new ControlSocket(new IPEndPoint(loopback, Port)));
        var isKept = false;
        try
        {
            var sent = Stopwatch.GetTimestamp();
            await socket.Send(Encoding.ASCII.GetBytes(message));
            var reply = await socket.Receive(patience) ?? throw new TimeoutException($"no reply to \"{message}\" within {patience.TotalSeconds} s");
            var time = Stopwatch.GetElapsedTime(sent);
            Slowest = time > Slowest ? time : Slowest;
            isKept = keepsSocket;
            return reply;
        }
        finally
        {
            if (!isKept)
            {
                socket.Dispose();
                _socket = null;
            }
        }
    }
}

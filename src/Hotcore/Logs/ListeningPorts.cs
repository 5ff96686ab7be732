using System.Globalization;
using System.Text;

namespace Hotcore.Logs;

/// <summary>
/// The TCP ports on which something of this machine can be reached over loopback, as /proc/net/tcp and tcp6 tell: no
/// connection is made, which would disturb the app. Of any thread.
/// </summary>
/// <remarks>
/// The kernel lists the listening sockets first. Reading stops after them, so that this stays cheap with 100,000
/// connections open; IPGlobalProperties.GetActiveTcpListeners reads all of them.
/// </remarks>
internal sealed class ListeningPorts(TimeProvider clock, Action<string> log)
{
    private const string Listening = "0A";
    private static readonly TimeSpan Lifetime = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private HashSet<int> _ports = [];
    private long _readAt;
    private bool _wasRead;

    /// <summary>The ports as of a moment ago, read a few times a second at most. The set is not changed afterwards.</summary>
    public IReadOnlySet<int> Recent
    {
        get
        {
            lock (_gate) return _wasRead && clock.GetElapsedTime(_readAt) < Lifetime ? _ports : ReadNow();
        }
    }

    /// <summary>Reads the ports as of now: who asks about an app started this instant is told so.</summary>
    public IReadOnlySet<int> ReadNow()
    {
        lock (_gate)
        {
            _ports = Read();
            _readAt = clock.GetTimestamp();
            _wasRead = true;
            return _ports;
        }
    }

    private HashSet<int> Read()
    {
        var ports = new HashSet<int>();
        foreach (var path in (ReadOnlySpan<string>)["/proc/net/tcp", "/proc/net/tcp6"])
        {
            try
            {
                if (File.Exists(path)) ReadTable(path, ports);
            }
            catch (IOException failure)
            {
                log($"cannot read {path}: {failure.Message}");
            }
        }
        return ports;
    }

    private static void ReadTable(string path, HashSet<int> ports)
    {
        using var lines = new StreamReader(path, Encoding.ASCII);
        lines.ReadLine();
        while (lines.ReadLine() is string line)
        {
            // sl, local address:port, remote address:port, state, …; all in hexadecimal.
            var words = line.Split(' ', 5, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 5 || words[3] != Listening) return;
            var colon = words[1].IndexOf(':');
            if (colon < 0 || !IsReachable(words[1].AsSpan(0, colon))) continue;
            var port = words[1].AsSpan(colon + 1);
            if (int.TryParse(port, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var read)) ports.Add(read);
        }
    }

    /// <summary>Loopback or all addresses. An address is words in the order of this (little-endian) machine.</summary>
    private static bool IsReachable(ReadOnlySpan<char> address) =>
        !address.ContainsAnyExcept('0')
        || (address.Length == 8 && address.EndsWith("7F"))
        || address.SequenceEqual("00000000000000000000000001000000")
        || (address.StartsWith("0000000000000000FFFF0000") && (address.EndsWith("7F") || address.EndsWith("00000000")));
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Control;

/// <summary>
/// Tells which user owns a UDP port of this machine, from /proc/net/udp and udp6. Has to be asked while the sender
/// still has its socket. Of any thread.
/// </summary>
internal sealed class PortOwners(TimeProvider clock)
{
    private const string Unknown = "unknown";

    // In a burst of messages the tables are read once for all senders whose sockets they show.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private byte[] _table = [];
    private byte[] _table6 = [];
    private long _readAt;
    private bool _wasRead;

    /// <summary>The user name of a port's owner; the number of one without a name; or "unknown".</summary>
    /// <param name="sender">An address of loopback and its port.</param>
    public string Find(IPEndPoint sender)
    {
        try
        {
            var uid = FindUid(sender);
            return uid is null ? Unknown : FindName(uid.Value);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"{Unknown}: {failure.Message}";
        }
    }

    private uint? FindUid(IPEndPoint sender)
    {
        lock (_gate)
        {
            var isFresh = _wasRead && clock.GetElapsedTime(_readAt) < Lifetime;
            var uid = isFresh ? Search(sender) : null;
            if (uid is not null) return uid;
            _table = ReadTable("/proc/net/udp");
            _table6 = ReadTable("/proc/net/udp6");
            _readAt = clock.GetTimestamp();
            _wasRead = true;
            return Search(sender);
        }
    }

    private static byte[] ReadTable(string path) => File.Exists(path) ? File.ReadAllBytes(path) : [];

    /// <summary>
    /// Looks for the address itself, then for a socket bound to all addresses; one of IPv6 can send over IPv4 as well.
    /// </summary>
    private uint? Search(IPEndPoint sender)
    {
        var address = FormatAddress(sender.Address);
        if (sender.AddressFamily == AddressFamily.InterNetworkV6)
            return SearchTable(_table6, address, sender.Port) ?? SearchTable(_table6, new string('0', 32), sender.Port);
        return SearchTable(_table, address, sender.Port)
            ?? SearchTable(_table, new string('0', 8), sender.Port)
            ?? SearchTable(_table6, "0000000000000000FFFF0000" + address, sender.Port)
            ?? SearchTable(_table6, new string('0', 32), sender.Port);
    }

    /// <summary>An address as the kernel prints it: words of 32 bits, each in the order of this machine.</summary>
    private static string FormatAddress(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        var text = new StringBuilder(bytes.Length * 2);
        for (var i = 0; i < bytes.Length; i += sizeof(uint))
            text.Append(CultureInfo.InvariantCulture, $"{BitConverter.ToUInt32(bytes, i):X8}");
        return text.ToString();
    }

    /// <summary>
    /// Lines are <c>sl: local remote state queues timer retransmits uid …</c>; the colon and blank in front tell the
    /// local address from a remote one.
    /// </summary>
    private static uint? SearchTable(ReadOnlySpan<byte> table, string address, int port)
    {
        var needle = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $": {address}:{port:X4} "));
        var start = table.IndexOf(needle);
        if (start < 0) return null;
        var rest = table[(start + 2)..];
        var end = rest.IndexOf((byte)'\n');
        var line = Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]);
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 7) return null;
        return uint.TryParse(words[6], NumberStyles.None, CultureInfo.InvariantCulture, out var uid) ? uid : null;
    }

    private static string FindName(uint uid)
    {
        var number = uid.ToString(CultureInfo.InvariantCulture);
        foreach (var line in File.ReadLines("/etc/passwd"))
        {
            var fields = line.Split(':', 4);
            if (fields.Length == 4 && fields[2] == number) return fields[0];
        }
        return number;
    }
}

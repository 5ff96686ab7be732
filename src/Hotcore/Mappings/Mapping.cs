using System.Globalization;
using System.Text;

namespace Hotcore.Mappings;

/// <summary>One rule: requests for a domain go to a port of this machine. Immutable.</summary>
internal sealed class Mapping
{
    private readonly byte[] _domainBytes;
    private readonly long _madeAtSeconds;

    /// <summary><paramref name="madeAt"/> is kept in whole seconds, which is what the file holds.</summary>
    public Mapping(DomainName domain, int port, DateTimeOffset madeAt)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(port, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, 65535);
        Domain = domain;
        Port = port;
        _domainBytes = Encoding.ASCII.GetBytes(domain.ToString());
        _madeAtSeconds = madeAt.ToUnixTimeSeconds();
    }

    public DomainName Domain { get; }

    /// <summary>1 to 65535.</summary>
    public int Port { get; }

    /// <summary>When the domain was mapped to this port, UTC, in whole seconds.</summary>
    public DateTimeOffset MadeAt => DateTimeOffset.FromUnixTimeSeconds(_madeAtSeconds);

    /// <summary>The domain in lower-case ASCII.</summary>
    public ReadOnlySpan<byte> DomainBytes => _domainBytes;

    /// <summary>Reads a port as it is typed, sent and stored: digits alone, 1 to 65535.</summary>
    public static bool TryParsePort(string word, out int port) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 1 and <= 65535;
}

using System.Buffers;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Http;

/// <summary>Reads <c>host [":" port]</c> as it stands in Host, in an absolute target or in :authority (RFC 9110 7.2).</summary>
internal static class Authority
{
    // Names as DNS and its practice know them. The grammar of RFC 3986 allows more (commas, for one); nobody's domain needs
    // it, and every one of those characters is read differently by somebody.
    private static readonly SearchValues<byte> NameBytes = SearchValues.Create(
        "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    // IPAddress would take a scope too ("%eth0", and whatever follows): it means nothing here and has no place in a host.
    private static readonly SearchValues<byte> LiteralBytes = SearchValues.Create(":.0123456789abcdefABCDEF"u8);

    /// <summary>DNS knows no longer name, and a root's dot.</summary>
    private const int MostHostBytes = 254;

    private static readonly SearchValues<byte> DigitBytes = SearchValues.Create("0123456789"u8);

    /// <summary>Parses; <paramref name="hostLength"/> counts the host without its trailing dot.</summary>
    public static bool TryParse(ReadOnlySpan<byte> authority, out int hostLength)
    {
        hostLength = 0;
        if (authority.IsEmpty)
            return false;
        var hostEnd = authority[0] == '[' ? EndOfLiteral(authority) : EndOfName(authority);
        if (hostEnd is <= 0 or > MostHostBytes || !IsPort(authority[hostEnd..]))
            return false;
        hostLength = authority[hostEnd - 1] == '.' ? hostEnd - 1 : hostEnd;
        return hostLength > 0 && authority[hostLength - 1] != '.';
    }

    /// <summary>Whether two authorities are the same for a scheme: a port that goes without saying may be said (RFC 9110 4.2.3).</summary>
    public static bool AreSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, bool isHttps) =>
        Ascii.EqualsIgnoreCase(WithoutDefaultPort(one, isHttps), WithoutDefaultPort(other, isHttps));

    private static ReadOnlySpan<byte> WithoutDefaultPort(ReadOnlySpan<byte> authority, bool isHttps)
    {
        var port = isHttps ? ":443"u8 : ":80"u8;
        return authority.EndsWith(port) ? authority[..^port.Length]
            : authority.EndsWith(":"u8) ? authority[..^1]
            : authority;
    }

    private static int EndOfName(ReadOnlySpan<byte> authority)
    {
        var end = authority.IndexOfAnyExcept(NameBytes);
        return end < 0 ? authority.Length : end;
    }

    private static int EndOfLiteral(ReadOnlySpan<byte> authority)
    {
        var bracket = authority.IndexOf((byte)']');
        if (bracket < 0 || authority[1..bracket].IndexOfAnyExcept(LiteralBytes) >= 0
            || !System.Net.IPAddress.TryParse(Encoding.ASCII.GetString(authority[1..bracket]), out var address))
            return -1;
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? bracket + 1 : -1;
    }

    private static bool IsPort(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
            return true;
        if (rest[0] != ':' || rest.Length > 6 || rest[1..].IndexOfAnyExcept(DigitBytes) >= 0)
            return false;
        return rest.Length == 1 || int.Parse(rest[1..]) <= ushort.MaxValue;
    }
}

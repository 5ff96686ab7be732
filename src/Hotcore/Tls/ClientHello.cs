using System.Buffers.Binary;

namespace Hotcore.Tls;

/// <summary>Reads the two extensions of a ClientHello that choose the certificate. Anything malformed reads as absent.</summary>
internal static class ClientHello
{
    private const byte HostName = 0;

    /// <summary>The host name of server_name (RFC 6066 3), or nothing.</summary>
    public static ReadOnlySpan<byte> ServerName(ReadOnlySpan<byte> extension)
    {
        // ServerNameList: 2 bytes of length, then entries of type (1), length (2), name. Only one host name is allowed.
        if (extension.Length < 5 || BinaryPrimitives.ReadUInt16BigEndian(extension) != extension.Length - 2)
            return default;
        var length = BinaryPrimitives.ReadUInt16BigEndian(extension[3..]);
        return extension[2] == HostName && length == extension.Length - 5 ? extension[5..] : default;
    }

    /// <summary>Whether a list of protocols (RFC 7301 3.1), without its outer length, offers <paramref name="protocol"/>.</summary>
    public static bool Offers(ReadOnlySpan<byte> protocols, ReadOnlySpan<byte> protocol)
    {
        while (protocols.Length > 1 && protocols[0] < protocols.Length)
        {
            if (protocols.Slice(1, protocols[0]).SequenceEqual(protocol))
                return true;
            protocols = protocols[(1 + protocols[0])..];
        }

        return false;
    }
}

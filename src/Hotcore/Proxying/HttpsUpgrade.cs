using System.Text;
using Hotcore.Certificates;
using Hotcore.Http;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// When plain HTTP gives way to HTTPS: for every domain that has, or had, a certificate. Until its first one is there, a new
/// domain is served over HTTP; in local mode nothing is ever redirected.
/// </summary>
internal sealed class HttpsUpgrade(CertificateSelector? certificates)
{
    private const int UsualPort = 443;

    /// <summary>Where HTTPS is served; set before the first request.</summary>
    public int Port { get; set; } = UsualPort;

    /// <summary>Whether the request is to come again over HTTPS. A tunnel on this machine that did the HTTPS is believed.</summary>
    public bool Wants(RequestHead request, Mapping mapping, ForwardedFields client) =>
        certificates is not null && certificates.Covers(mapping.Domain) && !client.ClaimsHttps(request);

    /// <summary>Writes the redirect: 308, so that method and body stay (RFC 9110 15.4.9).</summary>
    public void WriteRedirect(SendBuffer output, RequestHead request, Mapping mapping, ReadOnlySpan<byte> connection)
    {
        output.Append("HTTP/1.1 308 Permanent Redirect\r\nLocation: https://"u8);
        output.Append(mapping.DomainBytes);
        if (Port != UsualPort)
            output.Append(Encoding.ASCII.GetBytes($":{Port}"));
        if (request.Target[0] == '?')
            output.Append("/"u8);
        if (request.Target[0] != '*')
            output.Append(request.Target);
        output.Append("\r\nContent-Length: 0\r\n"u8);
        output.Append(connection);
        output.Append("\r\n"u8);
    }
}

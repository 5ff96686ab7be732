using System.Text;
using Hotcore.Certificates;
using Hotcore.Http;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// When plain HTTP gives way to HTTPS: for every domain that has, or had, a certificate. Until its first one is there, a new
/// domain is served over HTTP; in local mode nothing is redirected. But plain HTTP at the port of HTTPS always is: it can only be
/// a mistake.
/// </summary>
internal sealed class HttpsUpgrade(CertificateSelector? certificates)
{
    private const int UsualPort = 443;

    /// <summary>Where HTTPS is served; set before the first request.</summary>
    public int Port { get; set; } = UsualPort;

    /// <summary>Whether the request is to come again over HTTPS. A tunnel on this machine that did the HTTPS is believed.</summary>
    public bool Wants(RequestHead request, Mapping mapping, ForwardedFields client) =>
        certificates is not null && certificates.Covers(mapping.Domain) && !client.ClaimsHttps(request);

    /// <summary>The redirect: 308, so that method and body stay (RFC 9110 15.4.9).</summary>
    public OwnAnswer Redirect(RequestHead request, Mapping mapping)
    {
        var port = Port == UsualPort ? "" : $":{Port}";
        var target = Encoding.ASCII.GetString(request.Target);
        var path = target[0] switch
        {
            '?' => "/" + target,
            '*' => "",
            _ => target,
        };
        return new OwnAnswer(
            $"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://{mapping.Domain}{port}{path}\r\nContent-Length: 0\r\n\r\n", []);
    }
}

namespace Hotcore.Certificates.Acme;

/// <summary>How a domain is proven to lead here.</summary>
internal enum ChallengeKind
{
    /// <summary>HTTP-01, on port 80 (RFC 8555 8.3).</summary>
    Http,

    /// <summary>TLS-ALPN-01, on port 443 (RFC 8737).</summary>
    Tls,
}

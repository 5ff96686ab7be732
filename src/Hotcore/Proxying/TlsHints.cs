namespace Hotcore.Proxying;

/// <summary>What the answer to a plain request says where the app speaks TLS alone.</summary>
internal static class TlsHints
{
    /// <summary>The first bytes, be it one, are an alert of TLS 1.0 or later (RFC 8446 5.1, 6).</summary>
    public static bool IsAlert(ReadOnlySpan<byte> received) =>
        !received.IsEmpty && received[0] == 21 && (received.Length == 1 || received[1] == 3);

    /// <summary>
    /// A 400 says so, in the words of nginx ("sent to HTTPS port"), Go ("to an HTTPS server"), Apache httpd ("SSL-enabled server port"),
    /// or Tomcat ("requires TLS").
    /// </summary>
    public static bool AreIn(ReadOnlySpan<byte> answer) =>
        answer.IndexOf("HTTPS"u8) >= 0 || answer.IndexOf("SSL"u8) >= 0 || answer.IndexOf("TLS"u8) >= 0;
}

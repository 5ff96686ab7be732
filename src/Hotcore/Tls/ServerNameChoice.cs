namespace Hotcore.Tls;

/// <summary>What a handshake is to do for the name that the client asks for.</summary>
internal enum ServerNameAnswer
{
    /// <summary>Go on with the certificate.</summary>
    Certificate,

    /// <summary>Nothing is served under that name: the alert unrecognized_name.</summary>
    Unknown,

    /// <summary>Its first certificate is on the way: ask again when told to.</summary>
    Wait,
}

/// <summary>The answer, and the certificate that goes with it.</summary>
internal readonly record struct ServerNameChoice(ServerNameAnswer Answer, TlsCertificate? Certificate)
{
    public static ServerNameChoice Unknown => new(ServerNameAnswer.Unknown, null);

    public static ServerNameChoice Wait => new(ServerNameAnswer.Wait, null);

    public static ServerNameChoice Of(TlsCertificate certificate) => new(ServerNameAnswer.Certificate, certificate);
}

/// <summary>
/// Chooses for one ClientHello, on a loop and without blocking. <paramref name="isChallenge"/>: the client offers acme-tls/1
/// (RFC 8737) and nothing else will do for it.
/// </summary>
internal delegate ServerNameChoice ChooseCertificate(ReadOnlySpan<byte> serverName, bool isChallenge);

/// <summary>
/// Calls <paramref name="whenSettled"/>, once and on any thread, when it is worth asking about the name again.
/// </summary>
internal delegate void AwaitCertificate(byte[] serverName, Action whenSettled);

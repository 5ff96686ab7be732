namespace Hotcore.Certificates.Local;

/// <summary>
/// A certificate for one domain, issued on this machine, with its key. Immutable; nobody may change the bytes.
/// </summary>
/// <param name="ChainDer">What a server sends: the domain's certificate. The CA's own is in clients' stores.</param>
/// <param name="KeyPkcs8">Its private key (P-256).</param>
/// <param name="NotBefore">When it begins, UTC, in whole seconds.</param>
/// <param name="NotAfter">When it ends, UTC, in whole seconds.</param>
internal sealed record LocalCertificate(
    IReadOnlyList<byte[]> ChainDer, byte[] KeyPkcs8, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    /// <summary>Whether it has begun, and has at least a third of its time left.</summary>
    public bool IsFreshAt(DateTimeOffset now) => now >= NotBefore && now <= NotAfter - (NotAfter - NotBefore) / 3;
}

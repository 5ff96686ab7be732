using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Hotcore.Tls;

namespace Hotcore.Certificates;

/// <summary>
/// The certificates that handshakes choose from, by server name: an immutable snapshot, read by the loops without a lock. What
/// is published serves from the next handshake on; connections that are open keep what they have.
/// </summary>
internal sealed class CertificateSelector
{
    private readonly TlsChallenges? _challenges;
    private readonly Action<string> _log;
    private ImmutableDictionary<string, TlsCertificate> _certificates = ImmutableDictionary<string, TlsCertificate>.Empty;

    /// <summary><paramref name="challenges"/> are what a CA that validates a domain has to see.</summary>
    public CertificateSelector(TlsChallenges? challenges, Action<string> log) => (_challenges, _log) = (challenges, log);

    /// <summary>Where missing certificates come from; set before the first handshake.</summary>
    public ICertificateOrigin? Origin { get; set; }

    /// <summary>Any thread: whether the domain has, or had, a certificate, so that plain HTTP is a thing of its past.</summary>
    public bool Covers(DomainName domain) => _certificates.ContainsKey(domain.ToString());

    /// <summary>Any thread: serves <paramref name="domain"/> with this certificate from now on. One that OpenSSL refuses changes nothing.</summary>
    public void Publish(DomainName domain, IReadOnlyList<byte[]> chainDer, byte[] keyPkcs8)
    {
        if (Make(domain, chainDer, keyPkcs8) is { } certificate)
            ImmutableInterlocked.AddOrUpdate(ref _certificates, domain.ToString(), certificate, (_, _) => certificate);
    }

    /// <summary>Any thread: serves <paramref name="domain"/> no longer; connections that are open stay.</summary>
    public void Withdraw(DomainName domain) => ImmutableInterlocked.TryRemove(ref _certificates, domain.ToString(), out _);

    /// <summary>On a loop, in a handshake.</summary>
    public ServerNameChoice Choose(ReadOnlySpan<byte> serverName, bool isChallenge)
    {
        if (isChallenge)
            return ChooseChallenge(serverName, ChallengeKind.Tls);
        if (!TryParse(serverName, out var domain))
            return ServerNameChoice.Unknown;
        if (Find(domain) is { } certificate)
            return ServerNameChoice.Of(certificate);
        if (Origin?.MayCome(domain) == true)
            return ServerNameChoice.Wait;
        // None may come any more, because it has come in this very moment. Where the last attempt has failed, its name would
        // be met with an alert; while another asks for it, an edge that redirected the CA to https gets through to the answer.
        return Find(domain) is { } come ? ServerNameChoice.Of(come) : ChooseChallenge(serverName, ChallengeKind.Http);
    }

    private TlsCertificate? Find(DomainName domain) => _certificates.GetValueOrDefault(domain.ToString());

    private ServerNameChoice ChooseChallenge(ReadOnlySpan<byte> serverName, ChallengeKind kind) =>
        _challenges is not null && _challenges.TryFind(serverName, kind, out var challenge)
            && Make(challenge.Domain, [challenge.CertificateDer], challenge.KeyPkcs8) is { } certificate
            ? ServerNameChoice.Of(certificate)
            : ServerNameChoice.Unknown;

    /// <summary>On a loop, in a handshake that has to wait: <paramref name="whenSettled"/> is called when it may go on.</summary>
    public void Await(byte[] serverName, Action whenSettled)
    {
        if (TryParse(serverName, out var domain) && Origin is { } origin)
            origin.WhenSettled(domain).ContinueWith(_ => whenSettled(), TaskScheduler.Default);
        else
            whenSettled();
    }

    private static bool TryParse(ReadOnlySpan<byte> serverName, out DomainName domain)
    {
        domain = default;
        // RFC 6066 3: a host name in ASCII; whatever is not one belongs to nobody.
        return serverName.Length is > 0 and <= 254 && Ascii.IsValid(serverName)
            && DomainName.TryParse(Encoding.ASCII.GetString(serverName), out domain, out _);
    }

    private TlsCertificate? Make(DomainName domain, IReadOnlyList<byte[]> chainDer, byte[] keyPkcs8)
    {
        try
        {
            return new TlsCertificate(chainDer, keyPkcs8);
        }
        catch (CryptographicException refused)
        {
            _log($"the certificate for {domain} cannot be used: {refused.Message}");
            return null;
        }
    }
}

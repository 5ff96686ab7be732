using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>Where issuances put what the CA will ask for: the boards that the loops read, of both kinds.</summary>
/// <param name="http">Answered on both ports.</param>
/// <param name="tls">Shown on port 443.</param>
/// <param name="clock">Tells the time that challenge certificates are made for.</param>
/// <param name="look">A look at a domain from here; null for <see cref="DomainLook"/>.</param>
internal sealed class ChallengeBoards(
    HttpChallenges http,
    TlsChallenges tls,
    TimeProvider clock,
    Func<DomainName, string, string, Task<string?>>? look = null)
{
    /// <summary>What looks wrong with a domain, given a token and its key authorization, or null.</summary>
    public Func<DomainName, string, string, Task<string?>> Look { get; } = look ?? DomainLook.LookAsync;

    public void Put(DomainName domain, ChallengeKind kind, string token, string keyAuthorization)
    {
        if (kind == ChallengeKind.Http) http.Put(token, keyAuthorization);
        tls.Put(ChallengeCertificate.Create(domain, kind, keyAuthorization, clock.GetUtcNow()));
    }

    public void Remove(DomainName domain, ChallengeKind kind, string token)
    {
        if (kind == ChallengeKind.Http) http.Remove(token);
        tls.Remove(domain);
    }
}

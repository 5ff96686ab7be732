using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>How a domain's certificate stands, and what its owner can do, in words for people.</summary>
/// <param name="domain">The domain.</param>
/// <param name="parts">Where its file is, and who certifies it.</param>
internal sealed class CertificateAdvice(DomainName domain, RenewalParts parts)
{
    private readonly bool _mayBeCertified = parts.Authority.MayCertify(domain);

    /// <summary>What status says.</summary>
    public CertificateState StateAt(DomainFacts facts, bool isSettled, DateTimeOffset now)
    {
        if (facts.Unreadable is not null) return StateOfUnreadable(facts, now);
        if (!_mayBeCertified && isSettled) return StateByHand(facts, now);
        if (facts.IsOwners(now)) return StateOfOwners(facts, now);
        var isValid = facts.Certificate?.IsValid(now) == true;
        var held = facts.Record.Failure is not null ? facts.Record : null;
        // A pause that nothing waits for is no news.
        if (!isValid) held ??= parts.Authority.PauseAt(now);
        var condition = isValid ? CertificateCondition.Valid
            : held is not null ? CertificateCondition.Failed
            : CertificateCondition.Pending;
        return new CertificateState(
            condition,
            facts.Certificate?.NotAfter ?? facts.Record.NotAfter,
            facts.Certificate is null ? null : facts.Record.RenewAt,
            held?.Failure,
            held?.NextTry);
    }

    /// <summary>Why no certificate is asked for.</summary>
    public string ExplainNone()
    {
        var reason = PublicNames.HasUnderscore(domain)
            ? $"no public CA certifies {domain}, which has an underscore: use a name without one"
            : $"no public CA certifies {domain}, which is not a name of the public DNS: use one that is";
        return $"{reason}, put a certificate of your own into {parts.Store.PathOf(domain)}, or name a CA that certifies it "
            + "(serve --acme-directory)";
    }

    /// <summary>That a file is there, and what makes it readable.</summary>
    public string ExplainUnreadable(Exception failure)
    {
        var path = parts.Store.PathOf(domain);
        var remedy = failure is UnauthorizedAccessException
            ? $"make it readable for hotcore: sudo chown {Environment.UserName} {path}"
            : "remove it, and hotcore asks the CA for another";
        return $"{path} cannot be read ({failure.Message}), and nothing is put in its place; {remedy}";
    }

    /// <summary>That a certificate of the owner's own ends soon.</summary>
    public string WarnOfEnd(DateTimeOffset notAfter)
    {
        var then = _mayBeCertified
            ? "once it has ended, hotcore asks the CA for one"
            : "no public CA certifies that name";
        return $"it is your own and ends at {Shown(notAfter)}: put the next one into {parts.Store.PathOf(domain)}; {then}";
    }

    /// <summary>Why no new certificate is asked for now, though the owner wants one; null where it is.</summary>
    public string? RefuseToRenew(DomainFacts facts, DateTimeOffset now)
    {
        var path = parts.Store.PathOf(domain);
        var record = facts.Record;
        if (!_mayBeCertified) return ExplainNone();
        if (facts.Unreadable is not null) return facts.Unreadable;
        if (facts.IsOwners(now))
            return $"the certificate of {domain} is your own, valid until {Shown(facts.Certificate!.NotAfter)}: put the next one "
                + $"into {path}, or move it away from there, and hotcore asks the CA for one";
        if (record.AskedAt <= now && now < record.AskedAt + RetrySchedule.BetweenWishes)
            return $"a new certificate for {domain} was asked for at {Shown(record.AskedAt.Value)}; it can be again at "
                + $"{Shown(record.AskedAt.Value + RetrySchedule.BetweenWishes)}; what came of it: hotcore";
        if (parts.Authority.PauseAt(now) is { NextTry: { } end } pause)
            return $"the CA wants no requests until {Shown(end)}: {pause.Failure}";
        return record is { IsWaitOfTheCa: true, NextTry: { } next } && record.IsHeldBack(now)
            ? $"the CA wants no requests for {domain} until {Shown(next)}: {record.Failure}"
            : null;
    }

    public static string Shown(DateTimeOffset time) => $"{time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}";

    /// <summary>What serves, if anything does, is from before the file was put there.</summary>
    private static CertificateState StateOfUnreadable(DomainFacts facts, DateTimeOffset now) => new(
        facts.Certificate?.IsValid(now) == true ? CertificateCondition.Valid : CertificateCondition.Failed,
        facts.Certificate?.NotAfter ?? facts.Record.NotAfter, Failure: facts.Unreadable, IsOwners: true);

    private CertificateState StateOfOwners(DomainFacts facts, DateTimeOffset now)
    {
        var end = facts.Certificate!.NotAfter;
        var warning = facts.EndsSoon(now) ? WarnOfEnd(end) : null;
        return new CertificateState(CertificateCondition.Valid, end, Failure: warning, IsOwners: true);
    }

    /// <summary>Of a domain whose certificate, if any, is put there by hand: it ends when it ends.</summary>
    private CertificateState StateByHand(DomainFacts facts, DateTimeOffset now)
    {
        if (facts.Certificate is not { } certificate) return CertificateState.None with { Failure = ExplainNone() };
        return certificate.IsValid(now)
            ? StateOfOwners(facts, now)
            : new CertificateState(CertificateCondition.Failed, certificate.NotAfter, Failure: ExplainNone());
    }
}

using Hotcore.Loops;

namespace Hotcore.Certificates;

/// <summary>Whose a certificate is, which decides when it is replaced.</summary>
internal enum CertificateIssuer
{
    /// <summary>The CA that hotcore asks now: replaced when that CA wants, or in good time.</summary>
    PresentCa,

    /// <summary>A CA that hotcore asked before: replaced at once, and serves until then.</summary>
    FormerCa,

    /// <summary>Nobody whom hotcore has asked. It is the owner's, and not replaced before its end.</summary>
    Owner,
}

/// <summary>What is kept in memory of a certificate; its key is not.</summary>
/// <param name="Id">What the CA's renewal information calls it, or null.</param>
/// <param name="NotBefore">Its begin.</param>
/// <param name="NotAfter">Its end.</param>
/// <param name="Issuer">Whose it is.</param>
internal sealed record CertificateFacts(
    string? Id, DateTimeOffset NotBefore, DateTimeOffset NotAfter, CertificateIssuer Issuer)
{
    public bool IsValid(DateTimeOffset now) => now < NotAfter;
}

/// <summary>
/// All that is known of a domain's certificate at one instant, and what is due by that. Immutable: replaced as a
/// whole by the domain's job, read by anyone.
/// </summary>
internal sealed record DomainFacts
{
    private static readonly TimeSpan WarnedBefore = TimeSpan.FromDays(30);
    private static readonly TimeSpan WarnedEvery = TimeSpan.FromDays(1);

    /// <summary>Whether the disk was looked at.</summary>
    public bool IsLoaded { get; init; }

    public RenewalRecord Record { get; init; } = RenewalRecord.Empty;

    /// <summary>The certificate in force, expired or not.</summary>
    public CertificateFacts? Certificate { get; init; }

    /// <summary>Whether that is the one before, in the place of a file that was damaged or is gone.</summary>
    public bool IsStandIn { get; init; }

    /// <summary>Why the file cannot be read; null where it can, or is not there. Nothing takes its place until then.</summary>
    public string? Unreadable { get; init; }

    /// <summary>Of the file that was read last, or of none.</summary>
    public FileStamp Stamp { get; init; }

    /// <summary>When the CA was asked about renewal.</summary>
    public DateTimeOffset CheckedAt { get; init; }

    /// <summary>When it is asked again.</summary>
    public DateTimeOffset NextCheck { get; init; }

    /// <summary>The next time at which something may be due.</summary>
    public DateTimeOffset NextStep
    {
        get
        {
            if (!IsLoaded) return DateTimeOffset.MinValue;
            var issuance = Record.NextTry > IssuanceAt ? Record.NextTry.Value : IssuanceAt;
            return MayBeChecked && NextCheck < issuance ? NextCheck : issuance;
        }
    }

    /// <summary>When a certificate is to be asked for, however long failures hold that back.</summary>
    private DateTimeOffset IssuanceAt
    {
        get
        {
            if (Unreadable is not null) return DateTimeOffset.MaxValue;
            if (Certificate is null || IsStandIn || Record.IsAskedFor) return DateTimeOffset.MinValue;
            return Certificate.Issuer switch
            {
                CertificateIssuer.Owner => Certificate.NotAfter,
                CertificateIssuer.FormerCa => DateTimeOffset.MinValue,
                _ => Record.RenewAt ?? DateTimeOffset.MinValue,
            };
        }
    }

    /// <summary>Only the CA that issued it knows when it would like to replace it.</summary>
    private bool MayBeChecked => Certificate is { Id: not null, Issuer: CertificateIssuer.PresentCa };

    public bool IsIssuanceDue(DateTimeOffset now) => !Record.IsHeldBack(now) && IssuanceAt <= now;

    /// <summary>A clock that was set back past the last check makes it due.</summary>
    public bool IsCheckDue(DateTimeOffset now) => MayBeChecked && (now >= NextCheck || now < CheckedAt);

    /// <summary>
    /// Whether there is a valid certificate of the owner's own. One that stands in is not where its owner would have put it, and
    /// holds nothing back.
    /// </summary>
    public bool IsOwners(DateTimeOffset now) =>
        !IsStandIn && Certificate is { Issuer: CertificateIssuer.Owner } certificate && certificate.IsValid(now);

    /// <summary>Whether the certificate ends so soon that whoever put it there has to look for the next.</summary>
    public bool EndsSoon(DateTimeOffset now) => Certificate is not null && Certificate.NotAfter - now <= WarnedBefore;

    /// <summary>Whether the log has said so within the last day.</summary>
    public bool IsWarned(DateTimeOffset now) => Record.WarnedAt <= now && now < Record.WarnedAt + WarnedEvery;
}

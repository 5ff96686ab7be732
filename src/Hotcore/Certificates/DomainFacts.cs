namespace Hotcore.Certificates;

/// <summary>What is kept in memory of a certificate; its key is not.</summary>
/// <param name="Id">What the CA's renewal information calls it, or null.</param>
/// <param name="NotBefore">Its begin.</param>
/// <param name="NotAfter">Its end.</param>
internal sealed record CertificateFacts(string? Id, DateTimeOffset NotBefore, DateTimeOffset NotAfter);

/// <summary>
/// All that is known of a domain's certificate at one instant, and what is due by that. Immutable: replaced as a
/// whole by the domain's job, read by anyone.
/// </summary>
internal sealed record DomainFacts
{
    /// <summary>Whether the disk was looked at.</summary>
    public bool IsLoaded { get; init; }

    public RenewalRecord Record { get; init; } = RenewalRecord.Empty;

    /// <summary>The certificate in force, expired or not.</summary>
    public CertificateFacts? Certificate { get; init; }

    /// <summary>Of the file that was read last, or of none.</summary>
    public DateTime Stamp { get; init; }

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
            var issuance = Certificate is null ? default : Record.RenewAt ?? default;
            if (Record.NextTry > issuance) issuance = Record.NextTry.Value;
            return Certificate?.Id is not null && NextCheck < issuance ? NextCheck : issuance;
        }
    }

    public bool IsIssuanceDue(DateTimeOffset now)
    {
        if (Record.IsHeldBack(now)) return false;
        return Certificate is null || Record.RenewAt is not { } time || time <= now;
    }

    /// <summary>A clock that was set back past the last check makes it due.</summary>
    public bool IsCheckDue(DateTimeOffset now) =>
        Certificate?.Id is not null && (now >= NextCheck || now < CheckedAt);
}

using System.Text.Json.Serialization;

namespace Hotcore.Certificates;

/// <summary>
/// What has to outlive a restart, for one domain or for the CA as a whole: when it is renewed, and what failed.
/// Immutable.
/// </summary>
internal sealed record RenewalRecord
{
    public static readonly RenewalRecord Empty = new();

    /// <summary>The directory of the CA that was asked last, which failures and waits are about; null in a record of a version that knew one CA only.</summary>
    public string? Directory { get; init; }

    /// <summary>The end of the certificate that <see cref="RenewAt"/> is about; of others it says nothing.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>The directory of the CA that issued that certificate to hotcore; null where it is the owner's.</summary>
    public string? IssuedBy { get; init; }

    /// <summary>Which certificate <see cref="IssuedBy"/> is about; null in a record of a version that knew one CA only.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>The time of renewal, picked once; null for a certificate of the owner's own.</summary>
    public DateTimeOffset? RenewAt { get; init; }

    /// <summary>The CA's window that the time was picked from, where it has one.</summary>
    public DateTimeOffset? WindowStart { get; init; }

    public DateTimeOffset? WindowEnd { get; init; }

    /// <summary>How many attempts in a row have failed.</summary>
    public int Failures { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    /// <summary>Nothing is tried before.</summary>
    public DateTimeOffset? NextTry { get; init; }

    /// <summary>Whether it was the CA that wanted so long a wait.</summary>
    public bool IsWaitOfTheCa { get; init; }

    /// <summary>What failed, in words for people.</summary>
    public string? Failure { get; init; }

    /// <summary>Whether the last certificate came by TLS-ALPN-01, which is then tried first.</summary>
    public bool PrefersTls { get; init; }

    /// <summary>When the owner last asked for a new certificate.</summary>
    public DateTimeOffset? AskedAt { get; init; }

    /// <summary>Whether that one has still to come.</summary>
    public bool IsAskedFor { get; init; }

    /// <summary>When the log last said that a certificate of the owner's own ends soon.</summary>
    public DateTimeOffset? WarnedAt { get; init; }

    /// <summary>What of it still holds where hotcore asks a CA now: what another refused is no reason to wait.</summary>
    public RenewalRecord At(string directory) =>
        Directory is null || Directory == directory ? this : WithoutFailure();

    public RenewalRecord WithoutFailure() =>
        this with { Failures = 0, FailedAt = null, NextTry = null, IsWaitOfTheCa = false, Failure = null };

    /// <summary>
    /// Whether a failure still forbids to try. A clock that was set back past the failure ends the wait: how long it
    /// was meant to be can no longer be told.
    /// </summary>
    public bool IsHeldBack(DateTimeOffset now) => FailedAt <= now && now < NextTry;
}

/// <summary>The record as JSON, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    WriteIndented = true)]
[JsonSerializable(typeof(RenewalRecord))]
internal sealed partial class RecordJson : JsonSerializerContext;

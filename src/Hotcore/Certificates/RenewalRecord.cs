using System.Text.Json.Serialization;

namespace Hotcore.Certificates;

/// <summary>
/// What has to outlive a restart, for one domain or for the CA as a whole: when it is renewed, and what failed.
/// Immutable.
/// </summary>
internal sealed record RenewalRecord
{
    public static readonly RenewalRecord Empty = new();

    /// <summary>The end of the certificate that <see cref="RenewAt"/> is about; of others it says nothing.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>The time of renewal, picked once.</summary>
    public DateTimeOffset? RenewAt { get; init; }

    /// <summary>The CA's window that the time was picked from, where it has one.</summary>
    public DateTimeOffset? WindowStart { get; init; }

    public DateTimeOffset? WindowEnd { get; init; }

    /// <summary>How many attempts in a row have failed.</summary>
    public int Failures { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    /// <summary>Nothing is tried before.</summary>
    public DateTimeOffset? NextTry { get; init; }

    /// <summary>What failed, in words for people.</summary>
    public string? Failure { get; init; }

    /// <summary>Whether the last certificate came by TLS-ALPN-01, which is then tried first.</summary>
    public bool PrefersTls { get; init; }

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

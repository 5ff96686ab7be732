using System.Text.Json.Serialization;

namespace Hotcore.Certificates.Acme;

// What a CA and hotcore say to each other, as JSON. What a CA says may lack anything.

/// <summary>RFC 8555 7.1.1.</summary>
internal sealed record DirectoryDocument(string? NewNonce, string? NewAccount, string? NewOrder, string? RenewalInfo);

/// <summary>RFC 8555 7.3.</summary>
internal sealed record AccountRequest(bool TermsOfServiceAgreed);

/// <summary>RFC 8555 7.1.4.</summary>
internal sealed record IdentifierDocument(string? Type, string? Value);

/// <summary>RFC 8555 7.4, and <c>replaces</c> of RFC 9773 5.</summary>
internal sealed record OrderRequest(IReadOnlyList<IdentifierDocument> Identifiers, string? Replaces);

/// <summary>RFC 8555 7.1.3.</summary>
internal sealed record OrderDocument(
    string? Status,
    IReadOnlyList<string?>? Authorizations,
    string? Finalize,
    string? Certificate,
    ProblemDocument? Error);

/// <summary>RFC 8555 7.1.4.</summary>
internal sealed record AuthorizationDocument(string? Status, IReadOnlyList<ChallengeDocument?>? Challenges);

/// <summary>RFC 8555 8.</summary>
internal sealed record ChallengeDocument(string? Type, string? Url, string? Token, ProblemDocument? Error);

/// <summary>RFC 8555 7.4.</summary>
internal sealed record FinalizeRequest(string Csr);

/// <summary>RFC 8555 6.7.</summary>
internal sealed record ProblemDocument(string? Type, string? Detail, IReadOnlyList<ProblemDocument?>? Subproblems);

/// <summary>RFC 9773 4.2.</summary>
internal sealed record RenewalInfoDocument(
    WindowDocument? SuggestedWindow, [property: JsonPropertyName("explanationURL")] string? ExplanationUrl);

internal sealed record WindowDocument(DateTimeOffset Start, DateTimeOffset End);

/// <summary>RFC 8555 6.2: the flattened form.</summary>
internal sealed record SignedRequest(string Protected, string Payload, string Signature);

/// <summary>RFC 8555 6.2: a key in full for a new account, its URL from then on.</summary>
internal sealed record SignatureHeader(string Alg, string Nonce, string Url, AccountJwk? Jwk, string? Kid);

/// <summary>RFC 7517, its members in the order that RFC 7638 wants for a thumbprint.</summary>
internal sealed record AccountJwk(string Crv, string Kty, string X, string Y);

/// <summary>These documents as JSON, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DirectoryDocument))]
[JsonSerializable(typeof(AccountRequest))]
[JsonSerializable(typeof(OrderRequest))]
[JsonSerializable(typeof(OrderDocument))]
[JsonSerializable(typeof(AuthorizationDocument))]
[JsonSerializable(typeof(FinalizeRequest))]
[JsonSerializable(typeof(ProblemDocument))]
[JsonSerializable(typeof(RenewalInfoDocument))]
[JsonSerializable(typeof(SignedRequest))]
[JsonSerializable(typeof(SignatureHeader))]
[JsonSerializable(typeof(AccountJwk))]
internal sealed partial class AcmeJson : JsonSerializerContext;

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Hotcore.Certificates.Acme;

/// <summary>An account's key (EC P-256), what it signs (ES256) and how a CA names it. Of any thread.</summary>
internal sealed class AccountKey : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _signing = new();

    /// <param name="key">Owned from now on.</param>
    /// <exception cref="CryptographicException">The key is not on P-256.</exception>
    public AccountKey(ECDsa key)
    {
        _key = key;
        var parameters = key.ExportParameters(includePrivateParameters: false);
        if (parameters.Curve.Oid?.Value != "1.2.840.10045.3.1.7")
            throw new CryptographicException("it is not on the curve P-256");
        Jwk = new AccountJwk(
            "P-256", "EC", Base64Url.EncodeToString(parameters.Q.X), Base64Url.EncodeToString(parameters.Q.Y));
        var canonical = JsonSerializer.SerializeToUtf8Bytes(Jwk, AcmeJson.Default.AccountJwk);
        Thumbprint = Base64Url.EncodeToString(SHA256.HashData(canonical));
    }

    public AccountJwk Jwk { get; }

    /// <summary>RFC 7638.</summary>
    public string Thumbprint { get; }

    public static AccountKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public string ExportPem() => _key.ExportPkcs8PrivateKeyPem();

    /// <summary>What proves to the CA that a token was seen by this account (RFC 8555 8.1).</summary>
    public string AuthorizeKey(string token) => $"{token}.{Thumbprint}";

    /// <summary>A request's body: header and payload, signed (RFC 8555 6.2).</summary>
    /// <param name="url">Where it is sent.</param>
    /// <param name="nonce">Of the CA, not used before.</param>
    /// <param name="account">The account's URL; null to name the key itself.</param>
    /// <param name="payload">JSON, or empty to ask for a document.</param>
    public byte[] Sign(string url, string nonce, string? account, ReadOnlySpan<byte> payload)
    {
        var header = new SignatureHeader("ES256", nonce, url, account is null ? Jwk : null, account);
        var headerJson = JsonSerializer.SerializeToUtf8Bytes(header, AcmeJson.Default.SignatureHeader);
        var protectedPart = Base64Url.EncodeToString(headerJson);
        var payloadPart = Base64Url.EncodeToString(payload);
        var signed = Encoding.ASCII.GetBytes($"{protectedPart}.{payloadPart}");
        byte[] signature;
        lock (_signing) signature = _key.SignData(signed, HashAlgorithmName.SHA256);
        var request = new SignedRequest(protectedPart, payloadPart, Base64Url.EncodeToString(signature));
        return JsonSerializer.SerializeToUtf8Bytes(request, AcmeJson.Default.SignedRequest);
    }

    public void Dispose() => _key.Dispose();
}

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Hotcore.Certificates.Acme;

public sealed class AccountKeyTests
{
    /// <summary>The key of RFC 7515 A.3, whose thumbprint is known.</summary>
    [Fact]
    public void The_thumbprint_is_that_of_rfc_7638()
    {
        var point = new ECPoint
        {
            X = Base64Url.DecodeFromChars("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            Y = Base64Url.DecodeFromChars("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        };
        var d = Base64Url.DecodeFromChars("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
        var parameters = new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point, D = d };
        using var key = new AccountKey(ECDsa.Create(parameters));
        Assert.Equal(
            """{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","""
            + "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
            JsonSerializer.Serialize(key.Jwk, AcmeJson.Default.AccountJwk));
        Assert.Equal("oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", key.Thumbprint);
        Assert.Equal("token." + key.Thumbprint, key.AuthorizeKey("token"));
    }

    [Fact]
    public void A_request_names_the_key_or_the_account_and_is_signed()
    {
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var verifier = ECDsa.Create(ec.ExportParameters(false));
        using var key = new AccountKey(ec);
        foreach (var account in new[] { null, "https://ca/account/1" })
        {
            using var signed = JsonDocument.Parse(key.Sign("https://ca/new", "nonce", account, "{}"u8));
            var header = signed.RootElement.GetProperty("protected").GetString()!;
            var payload = signed.RootElement.GetProperty("payload").GetString()!;
            var signature = Base64Url.DecodeFromChars(signed.RootElement.GetProperty("signature").GetString());
            var covered = Encoding.ASCII.GetBytes($"{header}.{payload}");
            Assert.True(verifier.VerifyData(covered, signature, HashAlgorithmName.SHA256));
            var shown = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(header));
            var who = account is null ? "\"jwk\":{" : "\"kid\":\"https://ca/account/1\"";
            const string beginning = """{"alg":"ES256","nonce":"nonce","url":"https://ca/new",""";
            Assert.StartsWith(beginning + who, shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_key_on_another_curve_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Assert.Throws<CryptographicException>(() => new AccountKey(key));
    }
}

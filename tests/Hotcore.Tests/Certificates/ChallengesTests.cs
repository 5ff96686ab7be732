using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

public sealed class ChallengesTests
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_token_is_answered_byte_by_byte_until_it_is_removed()
    {
        var challenges = new HttpChallenges();
        challenges.Put("one", "one.key");
        challenges.Put("two", "two.key");
        Assert.True(challenges.TryFind("two"u8, out var answer));
        Assert.Equal("two.key"u8.ToArray(), answer);
        Assert.False(challenges.TryFind("Two"u8, out _));
        Assert.False(challenges.TryFind(""u8, out _));
        challenges.Remove("two");
        Assert.False(challenges.TryFind("two"u8, out _));
        Assert.True(challenges.TryFind("one"u8, out _));
    }

    [Fact]
    public void Looking_a_challenge_up_allocates_nothing()
    {
        var http = new HttpChallenges();
        var tls = new TlsChallenges();
        for (var i = 0; i < 10; i++) http.Put($"token{i}", "key");
        tls.Put(ChallengeCertificate.Create(Domain, ChallengeKind.Tls, "token.key", Now));
        var isFound = Look();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) isFound &= Look();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(isFound);

        bool Look() => http.TryFind("token9"u8, out _) && tls.TryFind("A.Example.COM"u8, ChallengeKind.Tls, out _)
            && !http.TryFind("token"u8, out _) && !tls.TryFind("b.example.com"u8, ChallengeKind.Tls, out _);
    }

    [Fact]
    public void A_challenge_certificate_is_that_of_rfc_8737()
    {
        var made = ChallengeCertificate.Create(Domain, ChallengeKind.Tls, "token.thumbprint", Now);
        using var certificate = X509CertificateLoader.LoadCertificate(made.CertificateDer);
        var identifier = Assert.Single(certificate.Extensions, one => one.Oid!.Value == "1.3.6.1.5.5.7.1.31");
        Assert.True(identifier.Critical);
        var digest = new AsnReader(identifier.RawData, AsnEncodingRules.DER).ReadOctetString();
        Assert.Equal(SHA256.HashData("token.thumbprint"u8), digest);
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["a.example.com"], names.EnumerateDnsNames());
        Assert.True(certificate.NotBefore.ToUniversalTime() < Now && certificate.NotAfter.ToUniversalTime() > Now);
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(made.KeyPkcs8, out _);
        using var publicKey = certificate.GetECDsaPublicKey()!;
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), publicKey.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public void Each_change_of_the_tls_challenges_is_told()
    {
        var challenges = new TlsChallenges();
        var counts = new List<int>();
        challenges.Changed = () => counts.Add(challenges.All.Count);
        challenges.Put(ChallengeCertificate.Create(Domain, ChallengeKind.Tls, "one.key", Now));
        challenges.Put(ChallengeCertificate.Create(Domain, ChallengeKind.Tls, "two.key", Now));
        challenges.Remove(Domain);
        Assert.Equal([1, 1, 0], counts);
    }
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hotcore.Mappings;
using Hotcore.Tls;
using Xunit;

namespace Hotcore.Certificates;

public sealed class CertificateStoreTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");
    private static readonly DomainName Other = RunningRenewal.Name("b.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly LogLines _log = new();
    private readonly TestAuthority _authority = new();
    private readonly CertificateStore _store;

    public CertificateStoreTests() => _store = new CertificateStore(Certificates, _clock, _log.Write);

    private string Certificates => _folder["certificates"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_certificate_is_one_file_that_only_its_owner_reads()
    {
        var certificate = Make(Domain);
        _store.Save(certificate);
        var loaded = _store.Load(Domain)!;
        Assert.Equal(certificate.Pem, File.ReadAllBytes(_store.PathOf(Domain)));
        Assert.Equal(certificate.ChainDer, loaded.ChainDer);
        Assert.Equal((certificate.NotBefore, certificate.NotAfter), (loaded.NotBefore, loaded.NotAfter));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_store.PathOf(Domain)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Certificates));
        Assert.Empty(_log.All);
    }

    [Fact]
    public void The_certificate_before_is_kept_and_used_where_the_newer_one_is_damaged()
    {
        StoredCertificate first = Make(Domain), second = Make(Domain);
        _store.Save(first);
        _store.Save(second);
        Assert.Equal(second.Serial, _store.Load(Domain)!.Serial);
        File.WriteAllText(_store.PathOf(Domain), "damaged");
        Assert.Equal(first.Serial, _store.Load(Domain)!.Serial);
        Assert.Contains(_log.All, line => line.Contains("the one before it is used", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("truncated", "cut off or damaged")]
    [InlineData("half", "it holds no private key")]
    [InlineData("corrupt", "cannot be")]
    [InlineData("garbage", "it holds no certificate")]
    [InlineData("empty", "it holds no certificate")]
    [InlineData("swapped", "its key does not belong to its certificate")]
    [InlineData("of another kind", "its key does not belong to its certificate")]
    [InlineData("other", "its certificate is not for a.example.com")]
    [InlineData("two keys", "more than one key")]
    [InlineData("encrypted", "its key is encrypted; store it without a passphrase")]
    [InlineData("encrypted as before", "its key is encrypted; store it without a passphrase")]
    [InlineData("no key for servers", "its key is not one that hotcore reads; use EC, RSA or Ed25519")]
    [InlineData("huge", "larger than")]
    public void A_file_that_cannot_be_used_is_set_aside_and_the_others_are_left_alone(string damage, string words)
    {
        _store.Save(Make(Other));
        var content = Damage(damage);
        for (var i = 1; i <= 2; i++)
        {
            File.WriteAllBytes(_store.PathOf(Domain), content);
            Assert.Null(_store.Load(Domain));
        }
        Assert.Contains(words, _log.All.First(), StringComparison.Ordinal);
        var aside = Directory.GetFiles(Certificates, "a.example.com.pem.damaged-20261122T080000Z*");
        Assert.Equal(2, aside.Length);
        Assert.All(aside, file => Assert.Equal(content, File.ReadAllBytes(file)));
        Assert.NotNull(_store.Load(Other));
        Assert.False(File.Exists(_store.PathOf(Domain)));
    }

    [Fact]
    public void An_expired_certificate_is_still_given_out()
    {
        _store.Save(_authority.Make(Domain, _clock.GetUtcNow().AddDays(-20), TimeSpan.FromDays(10)));
        Assert.True(_store.Load(Domain)!.IsExpired(_clock.GetUtcNow()));
        Assert.Empty(_log.All);
    }

    [Fact]
    public void A_certificate_placed_by_hand_may_be_rsa_for_a_wildcard_and_in_another_order()
    {
        var file = Encoding.ASCII.GetString(
            _authority.MakeFile("*.example.com", _clock.GetUtcNow(), TimeSpan.FromDays(365), withRsa: true));
        var key = file.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal);
        var chain = file[..key].Replace("\n", "\r\n", StringComparison.Ordinal);
        File.WriteAllText(_store.PathOf(Domain), "Bag Attributes\r\n" + file[key..] + chain);
        var loaded = _store.Load(Domain)!;
        Assert.Equal(["*.example.com"], loaded.Names);
        Assert.Equal(2, loaded.ChainDer.Count);
    }

    [Fact]
    public void A_folder_in_the_place_of_a_file_is_set_aside()
    {
        Directory.CreateDirectory(_store.PathOf(Domain));
        Assert.Null(_store.Load(Domain));
        _store.Save(Make(Domain));
        Assert.NotNull(_store.Load(Domain));
    }

    [Fact]
    public void The_longest_domains_have_files_of_their_own()
    {
        var tail = string.Join('.', Enumerable.Repeat(new string('a', 60), 3)) + "." + new string('b', 60);
        DomainName one = RunningRenewal.Name("one." + tail), two = RunningRenewal.Name("two." + tail);
        _store.Save(Make(one));
        _store.Save(Make(two));
        Assert.Equal(["one." + tail], _store.Load(one)!.Names);
        Assert.Equal(["two." + tail], _store.Load(two)!.Names);
    }

    [Theory]
    [InlineData("certificate_authority")]
    [InlineData("account_0123456789abcdef")]
    public void No_domain_has_the_files_that_are_hotcores_own(string name)
    {
        var domain = RunningRenewal.Name(name);
        _store.Save(Make(domain));
        new RenewalRecords(Certificates, _log.Write).Save(domain, new RenewalRecord { Failures = 1 });
        Assert.Equal([name + "~.json", name + "~.pem"], Directory.GetFiles(Certificates).Select(Path.GetFileName).Order());
        Assert.NotNull(_store.Load(domain));
        Assert.Equal("my_app.com", CertificateStore.StemOf(RunningRenewal.Name("my_app.com")));
    }

    [Fact]
    public void A_mutated_file_is_loaded_right_or_refused_and_never_more()
    {
        var whole = Make(Domain);
        byte[] file = whole.Pem, leaf = whole.ChainDer[0];
        Cases.Check(
            random => Cases.Mutate(random, file),
            mutated =>
            {
                var isRead = StoredCertificate.TryParse(mutated, Domain, out var read, out var error);
                Assert.Equal(isRead, error.Length == 0);
                Assert.Equal(isRead, read is not null);
                if (read is null) return;
                // What its issuer signed is as it was; without the issuer beside it, nobody can tell.
                if (read.ChainDer.Count > 1 && IssuerOf(read.ChainDer[0]) == SubjectOf(read.ChainDer[1]))
                    Assert.Equal(leaf, read.ChainDer[0]);
                Assert.Null(KeyProof.FindFault(read.ChainDer[0], read.KeyDer));
            });
    }

    private static string IssuerOf(byte[] der)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(der);
        return Convert.ToHexString(certificate.IssuerName.RawData);
    }

    private static string SubjectOf(byte[] der)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(der);
        return Convert.ToHexString(certificate.SubjectName.RawData);
    }

    private StoredCertificate Make(DomainName domain) =>
        _authority.Make(domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));

    private byte[] Damage(string damage)
    {
        var whole = Make(Domain).Pem;
        string text = Encoding.ASCII.GetString(whole), other = Encoding.ASCII.GetString(Make(Domain).Pem);
        var key = text.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal);
        var otherKey = other.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal);
        var ofRsa = Encoding.ASCII.GetString(
            _authority.MakeFile(Domain.ToString(), _clock.GetUtcNow(), TimeSpan.FromDays(90), withRsa: true));
        using var locked = ECDsa.Create();
        var password = new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1);
        return damage switch
        {
            "truncated" => whole[..^100],
            "half" => whole[..key],
            "corrupt" => Encoding.ASCII.GetBytes(string.Concat(text.AsSpan(0, 200), "AAAAAAAA", text.AsSpan(208))),
            "garbage" => [1, 2, 3, 0, 255],
            "empty" => [],
            "swapped" => Encoding.ASCII.GetBytes(text[..key] + other[otherKey..]),
            "of another kind" => Encoding.ASCII.GetBytes(ofRsa[..ofRsa.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal)] + other[otherKey..]),
            "other" => Make(Other).Pem,
            "two keys" => Encoding.ASCII.GetBytes(text + other[otherKey..]),
            "encrypted" => Encoding.ASCII.GetBytes(
                text[..key] + locked.ExportEncryptedPkcs8PrivateKeyPem("x", password)),
            "encrypted as before" => Encoding.ASCII.GetBytes(text[..key]
                + "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
            // X25519 agrees on secrets, and signs nothing (RFC 8410 3).
            "no key for servers" => Encoding.ASCII.GetBytes(text[..key] + PemEncoding.WriteString(
                "PRIVATE KEY", [.. Convert.FromHexString("302e020100300506032b656e04220420"), .. new byte[32]])),
            _ => [.. whole, .. new byte[1024 * 1024]],
        };
    }
}

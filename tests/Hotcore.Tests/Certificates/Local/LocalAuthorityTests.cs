using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Hotcore.Certificates.Local;

public sealed class LocalAuthorityTests : IDisposable
{
    private readonly AuthorityFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("app.localhost")]
    [InlineData("localhost")]
    [InlineData("a-app.com")]
    [InlineData("xn--mnchen-3ya.example")]
    [InlineData("a-label-that-is-longer-than-what-fits-into-a-common-name.another-long-label.example.com")]
    public void Openssl_accepts_an_issued_certificate_for_its_name_alone(string name)
    {
        using var authority = _folder.Open();
        var issued = authority.Issue(AuthorityFolder.Domain(name));
        Assert.Equal("leaf: OK", _folder.Judge(issued, name, authority.CertificatePath));
        Assert.Contains("hostname mismatch", _folder.Judge(issued, "other." + name, authority.CertificatePath));
    }

    [Fact]
    public void The_ca_is_a_ca_of_ten_years_that_signs_nothing_but_certificates_of_servers()
    {
        using var authority = _folder.Open();
        var text = ProgramRun.Of("openssl", ["x509", "-in", authority.CertificatePath, "-noout", "-text"]).Output;
        Assert.Contains("CA:TRUE, pathlen:0", text);
        Assert.Matches(@"Key Usage: critical\s+Certificate Sign\n", text);
        Assert.Contains("NIST CURVE: P-256", text);
        Assert.Contains("Subject Key Identifier", text);
        Assert.DoesNotContain("Name Constraints", text);
        Assert.StartsWith("hotcore local CA ", authority.Name);
        Assert.EndsWith($" ({Environment.UserName}@{Environment.MachineName})", authority.Name);
        Assert.Equal(_folder.Clock.GetUtcNow().AddYears(10).Date, authority.NotAfter.Date);
        Assert.False(authority.IsOfMkcert);
    }

    [Fact]
    public void A_certificate_is_for_servers_for_90_days_and_begins_an_hour_ago()
    {
        using var authority = _folder.Open();
        var issued = authority.Issue(AuthorityFolder.Domain("a.localhost"));
        using var leaf = X509CertificateLoader.LoadCertificate(Assert.Single(issued.ChainDer));
        Assert.Equal(issued.NotAfter, leaf.NotAfter.ToUniversalTime());
        Assert.Equal(issued.NotBefore, leaf.NotBefore.ToUniversalTime());
        Assert.Equal(TimeSpan.FromDays(90), issued.NotAfter - issued.NotBefore);
        Assert.Equal(1, (_folder.Clock.GetUtcNow() - issued.NotBefore).TotalHours, 0.001);
        File.WriteAllText(_folder["leaf.pem"], leaf.ExportCertificatePem());
        var text = ProgramRun.Of("openssl", ["x509", "-in", _folder["leaf.pem"], "-noout", "-text"]).Output;
        Assert.Contains("CA:FALSE", text);
        Assert.Matches(@"Key Usage: critical\s+Digital Signature\n", text);
        Assert.Matches(@"Extended Key Usage: \s+TLS Web Server Authentication\n", text);
        Assert.Matches(@"Subject Alternative Name: \s+DNS:a\.localhost\n", text);
        Assert.Contains("Authority Key Identifier", text);
        Assert.Contains("NIST CURVE: P-256", text);
    }

    [Fact]
    public void Serial_numbers_and_keys_are_never_the_same()
    {
        using var authority = _folder.Open();
        LocalCertificate[] issued =
            [.. Enumerable.Range(0, 50).Select(_ => authority.Issue(AuthorityFolder.Domain("a.localhost")))];
        Assert.Equal(50, issued.Select(one => Convert.ToHexString(one.KeyPkcs8)).Distinct().Count());
        Assert.Equal(50, issued.Select(one =>
        {
            using var leaf = X509CertificateLoader.LoadCertificate(one.ChainDer[0]);
            return leaf.SerialNumber;
        }).Distinct().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_trusts_the_ca_shakes_hands(bool withMkcert)
    {
        if (withMkcert) _folder.MakeMkcertAuthority();
        using var authority = _folder.Open();
        Assert.Equal(withMkcert, authority.IsOfMkcert);
        await ShakeHandsAsync(authority, "app.localhost", "app.localhost");
        await Assert.ThrowsAsync<AuthenticationException>(
            () => ShakeHandsAsync(authority, "app.localhost", "b.localhost"));
    }

    [Fact]
    public void Mkcerts_ca_is_used_where_mkcert_keeps_it()
    {
        _folder.MakeMkcertAuthority();
        using (var authority = _folder.Open())
        {
            Assert.True(authority.IsOfMkcert);
            Assert.Equal(_folder["mkcert/rootCA.pem"], authority.CertificatePath);
            var issued = authority.Issue(AuthorityFolder.Domain("a.localhost"));
            Assert.Equal("leaf: OK", _folder.Judge(issued, "a.localhost", authority.CertificatePath));
        }

        _folder.Variables.Remove("CAROOT");
        Directory.CreateDirectory(_folder["home/.local/share"]);
        Directory.Move(_folder["mkcert"], _folder["home/.local/share/mkcert"]);
        using (var authority = _folder.Open()) Assert.True(authority.IsOfMkcert);

        _folder.Variables["XDG_DATA_HOME"] = _folder["data"];
        Directory.Move(_folder["home/.local/share"], _folder["data"]);
        using (var authority = _folder.Open()) Assert.True(authority.IsOfMkcert);

        Assert.Empty(_folder.Log.All);
        Assert.False(Directory.Exists(_folder.Folder));
    }

    [Fact]
    public void Mkcerts_ca_without_its_key_is_not_used()
    {
        _folder.MakeMkcertAuthority();
        File.Delete(_folder["mkcert/rootCA-key.pem"]);
        using var authority = _folder.Open();
        Assert.False(authority.IsOfMkcert);
    }

    [Fact]
    public void A_damaged_ca_of_mkcert_is_left_alone_and_the_log_says_what_is_used_instead()
    {
        _folder.MakeMkcertAuthority();
        var key = File.ReadAllBytes(_folder["mkcert/rootCA-key.pem"]);
        File.Delete(_folder["mkcert/rootCA-key.pem"]);
        File.WriteAllBytes(_folder["mkcert/rootCA-key.pem"], key[..1000]);
        using var authority = _folder.Open();
        Assert.False(authority.IsOfMkcert);
        Assert.Contains("(its key is damaged); hotcore's own is used instead", _folder.Log.All.First());
        Assert.Equal(key[..1000], File.ReadAllBytes(_folder["mkcert/rootCA-key.pem"]));
        Assert.Equal(2, Directory.GetFiles(_folder["mkcert"]).Length);
    }

    [Fact]
    public void A_ca_of_mkcert_that_ended_is_not_used()
    {
        _folder.MakeMkcertAuthority();
        _folder.Clock.Advance(TimeSpan.FromDays(3660));
        using var authority = _folder.Open();
        Assert.False(authority.IsOfMkcert);
        Assert.Contains("it ended on", _folder.Log.All.First());
    }

    [Fact]
    public void A_hundred_threads_issue_at_once()
    {
        using var authority = _folder.Open();
        var issued = new LocalCertificate[100];
        Parallel.For(0, issued.Length, new ParallelOptions { MaxDegreeOfParallelism = 16 },
            i => issued[i] = authority.Issue(AuthorityFolder.Domain($"app-{i}.localhost")));
        for (var i = 0; i < issued.Length; i++) AssertChains(authority, issued[i], $"app-{i}.localhost");
    }

    [Fact]
    public void No_certificate_outlives_its_ca()
    {
        using var authority = _folder.Open();
        _folder.Clock.Advance(authority.NotAfter - _folder.Clock.GetUtcNow() - TimeSpan.FromMinutes(10));
        Assert.Equal(authority.NotAfter, authority.Issue(AuthorityFolder.Domain("a.localhost")).NotAfter);
        _folder.Clock.Advance(TimeSpan.FromMinutes(11));
        var failure = Assert.Throws<InvalidOperationException>(
            () => authority.Issue(AuthorityFolder.Domain("a.localhost")));
        Assert.Contains("start hotcore again", failure.Message);
    }

    /// <summary>Asks .NET, which is quicker than openssl, at the time of the folder's clock.</summary>
    private void AssertChains(LocalAuthority authority, LocalCertificate issued, string name)
    {
        using var root = X509CertificateLoader.LoadCertificate(authority.CertificateDer);
        using var leaf = X509CertificateLoader.LoadCertificate(issued.ChainDer[0]);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = _folder.Clock.GetUtcNow().UtcDateTime;
        Assert.True(chain.Build(leaf), string.Join(' ', chain.ChainStatus.Select(status => status.StatusInformation)));
        Assert.True(leaf.MatchesHostname(name));
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(issued.KeyPkcs8, out _);
        Assert.Equal(leaf.PublicKey.ExportSubjectPublicKeyInfo(), key.ExportSubjectPublicKeyInfo());
    }

    private static async Task ShakeHandsAsync(LocalAuthority authority, string served, string asked)
    {
        var issued = authority.Issue(AuthorityFolder.Domain(served));
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(issued.KeyPkcs8, out _);
        using var bare = X509CertificateLoader.LoadCertificate(issued.ChainDer[0]);
        using var certificate = bare.CopyWithPrivateKey(key);
        using var root = X509CertificateLoader.LoadCertificate(authority.CertificateDer);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var accepted = await listener.AcceptTcpClientAsync();
        await using var server = new SslStream(accepted.GetStream());
        await using var secured = new SslStream(client.GetStream());
        var serving = server.AuthenticateAsServerAsync(certificate);
        try
        {
            await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = asked,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { root },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            });
        }
        finally
        {
            client.Close();
            // It fails, too, where the client does.
            await Task.WhenAny(serving);
        }
    }
}

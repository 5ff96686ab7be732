namespace Hotcore.EndToEndTests;

/// <summary>Files that a user put into the folder of certificates, good and bad, and what follows for plain HTTP.</summary>
public class HandMadeCertificates : IAsyncLifetime
{
    private const string Elliptic = "ec.example.com";
    private const string Rsa = "rsa.example.com";
    private const string Expired = "expired.example.com";
    private const string New = "new.example.com";

    private static readonly string[] Damaged =
        ["cut.example.com", "garbage.example.com", "empty.example.com", "swapped.example.com", "other.example.com"];

    private readonly TestAuthority _authority = new("by hand");
    private readonly TestUpstream _upstream = TestUpstream.Repeating();
    private readonly Dictionary<string, string> _put = [];
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync()
    {
        _hotcore = await RunningHotcore.Start(new StartOptions { Acme = AcmeDirectory.Unreachable, Prepare = Put });
        foreach (var domain in (string[])[Elliptic, Rsa, Expired, New, .. Damaged])
            await _hotcore.Add(domain, _upstream.Port);
        // A file is read soon after its domain is mapped.
        foreach (var domain in (string[])[Elliptic, Rsa])
            await _hotcore.UntilCertificateIs("valid", domain);
        await _hotcore.UntilCertificateIs("failed", Expired);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hotcore.DisposeAsync();
        await _upstream.DisposeAsync();
        _authority.Dispose();
    }

    [Theory]
    [InlineData(Elliptic, "1.2.840.10045.2.1")]
    [InlineData(Rsa, "1.2.840.113549.1.1.1")]
    public async Task A_certificate_put_there_by_hand_is_used(string domain, string keyAlgorithm)
    {
        await using var client = await _hotcore.ConnectTls(domain, _authority.Trusted);

        Assert.Equal(keyAlgorithm, client.Certificate.GetKeyAlgorithm());
        Assert.Equal("GET /", (await client.Get(domain)).Text);
        Assert.Contains("certificate valid", await _hotcore.Control($"status {domain}"));
    }

    [Theory]
    [InlineData(Elliptic)]
    [InlineData(Expired)]
    public async Task A_domain_that_has_or_ever_had_a_certificate_is_redirected(string domain)
    {
        foreach (var method in (string[])["GET", "HEAD", "POST", "DELETE"])
        {
            await using var client = await _hotcore.Connect();
            var response = await client.Exchange($"{method} /a/b?c=d HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");

            Assert.Equal(308, response.Status);
            var location = new Uri(response.Fields["Location"]!);
            Assert.Equal(("https", domain, "/a/b?c=d"), (location.Scheme, location.Host, location.PathAndQuery));
            Assert.Contains(location.Port, new[] { 443, _hotcore.Https.Port });
        }
        Assert.Empty(_upstream.Requests);
    }

    [Fact]
    public async Task A_redirect_names_the_domain_without_the_port_of_plain_HTTP()
    {
        var response = await _hotcore.Get($"{Elliptic.ToUpperInvariant()}:{_hotcore.Http.Port}", "/x");

        Assert.Equal(308, response.Status);
        Assert.DoesNotContain($":{_hotcore.Http.Port}", response.Fields["Location"]);
    }

    [Fact]
    public async Task A_request_that_came_in_over_https_at_a_tunnel_on_this_machine_is_not_redirected()
    {
        var response = await _hotcore.Get(Elliptic, "/tunnelled", "X-Forwarded-Proto: https\r\n");

        Assert.Equal("GET /tunnelled", response.Text);
    }

    [Fact]
    public async Task A_domain_that_never_had_a_certificate_is_proxied()
    {
        Assert.Equal("GET /", (await _hotcore.Get(New)).Text);
    }

    [Theory]
    [InlineData("cut.example.com")]
    [InlineData("garbage.example.com")]
    [InlineData("empty.example.com")]
    [InlineData("swapped.example.com")]
    [InlineData("other.example.com")]
    public async Task A_damaged_file_is_set_aside_with_a_line_in_the_log(string domain)
    {
        await Wait.Until(
            () => File.ReadLines(_hotcore.LogFile).Any(line => line.Contains($"{domain}.pem")), "a line in the log");

        Assert.False(File.Exists(_hotcore.CertificateFile(domain)));
        var aside = Assert.Single(Directory.GetFiles(_hotcore.CertificateFolder, $"{domain}.pem*"));
        Assert.Equal(_put[domain], await File.ReadAllTextAsync(aside));
        Assert.Equal("GET /", (await _hotcore.GetTls(Elliptic, _authority.Trusted)).Text);
    }

    private void Put(string dataFolder)
    {
        _put[Elliptic] = _authority.Issue(Elliptic);
        _put[Rsa] = _authority.IssueRsa(Rsa);
        _put[Expired] = _authority.Issue(
            Expired, from: DateTimeOffset.UtcNow.AddDays(-90), until: DateTimeOffset.UtcNow.AddDays(-1));
        var whole = _authority.Issue("cut.example.com");
        _put["cut.example.com"] = whole[..(whole.Length * 2 / 3)];
        _put["garbage.example.com"] = "-----BEGIN CERTIFICATE-----\n\0\u0001\u0002 no base64\n-----END CERTIFICATE-----\n";
        _put["empty.example.com"] = "";
        const string key = "-----BEGIN PRIVATE KEY-----";
        _put["swapped.example.com"] = _authority.Issue("swapped.example.com").Split(key)[0]
            + key + _authority.Issue("swapped.example.com").Split(key)[1];
        _put["other.example.com"] = _authority.Issue("another.example.com");
        foreach (var (domain, pem) in _put)
            Certificates.Put(dataFolder, domain, pem);
    }
}

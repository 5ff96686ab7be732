using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests;

/// <summary>Fifty domains at once, by each kind of challenge. Loads the machine.</summary>
[Collection(nameof(Alone))]
public class Issuance
{
    private const int Domains = 50;

    [Fact]
    public async Task Fifty_domains_added_at_once_get_certificates_by_HTTP_01_and_are_redirected_from_then_on()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var upstream = TestUpstream.Repeating();
        // The other kind of challenge is looked for where nobody listens.
        await pebble.Start(hotcore.Http.Port, tlsPort: 1);

        var domains = await AddAtOnce(hotcore, upstream);

        await ExpectCertificates(hotcore, pebble, domains);
        foreach (var domain in domains)
        {
            await using var client = await hotcore.Connect();
            var response = await client.Exchange(
                $"POST /path/of?a={domain} HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");
            Assert.Equal(308, response.Status);
            Assert.StartsWith($"https://{domain}", response.Fields["Location"]);
            Assert.EndsWith($"/path/of?a={domain}", response.Fields["Location"]);
        }
    }

    [Fact]
    public async Task Fifty_domains_added_at_once_get_certificates_by_TLS_ALPN_01_alone()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var upstream = TestUpstream.Repeating();
        await pebble.Start(httpPort: 1, hotcore.Https.Port);

        var domains = await AddAtOnce(hotcore, upstream);

        await ExpectCertificates(hotcore, pebble, domains);
    }

    private static async Task<string[]> AddAtOnce(RunningHotcore hotcore, TestUpstream upstream)
    {
        string[] domains = [.. Enumerable.Range(0, Domains).Select(_ => hotcore.NewDomain())];
        await Task.WhenAll(domains.Select(domain => hotcore.Add(domain, upstream.Port)));
        return domains;
    }

    private static async Task ExpectCertificates(RunningHotcore hotcore, Pebble pebble, string[] domains)
    {
        foreach (var domain in domains)
            await hotcore.UntilCertificateIs("valid", domain, TimeSpan.FromMinutes(2));
        var serials = new HashSet<string>();
        foreach (var domain in domains)
        {
            await using var client = await hotcore.ConnectTls(domain, pebble.Trusted);
            Assert.Equal($"GET /{domain}", (await client.Get(domain, $"/{domain}")).Text);
            var names = client.Certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
            Assert.Equal([domain], names.EnumerateDnsNames());
            Assert.Empty(names.EnumerateIPAddresses());
            serials.Add(client.Certificate.SerialNumber);
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(hotcore.CertificateFile(domain)));
        }
        Assert.Equal(domains.Length, serials.Count);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(hotcore.CertificateFolder));
    }
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// A CA on this machine: pebble in its strict mode, which throws every fifth nonce away, and a DNS in which every name
/// is 127.0.0.1. Its address is known before it runs, since hotcore wants to know it before it says its ports.
/// </summary>
public sealed partial class Pebble : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hotcore-pebble-");
    private readonly int _port = FreePort.Take();
    private readonly int _managementPort = FreePort.Take();
    private ChildProcess? _pebble;
    private ChildProcess? _dns;

    public Pebble()
    {
        var rootFile = Path.Combine(_folder.FullName, "root.pem");
        using var authority = new TestAuthority("pebble's own TLS");
        File.WriteAllText(rootFile, authority.Certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.pem"), authority.Issue("localhost", IPAddress.Loopback));
        Acme = new AcmeDirectory($"https://127.0.0.1:{_port}/dir", rootFile);
    }

    public AcmeDirectory Acme { get; }

    /// <summary>The root of the certificates it issues; it makes a new one at each start.</summary>
    public X509Certificate2 Root { get; private set; } = null!;

    /// <summary>A client's options that trust this CA alone.</summary>
    public TlsOptions Trusted => new() { Root = Root };

    /// <summary>Starts it, the two challenge kinds looked for at these ports.</summary>
    public async Task Start(int httpPort, int tlsPort, int validSeconds = 90 * 86_400)
    {
        var dnsPort = FreePort.Take();
        _dns = ChildProcess.Start("pebble-challtestsrv",
        [
            "-dns01", $"127.0.0.1:{dnsPort}", "-management", $"127.0.0.1:{FreePort.Take()}",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
        ]);
        var tlsFile = Path.Combine(_folder.FullName, "tls.pem");
        var configuration = Path.Combine(_folder.FullName, "pebble.json");
        await File.WriteAllTextAsync(configuration, $$"""
            {
                "pebble": {
                    "listenAddress": "127.0.0.1:{{_port}}",
                    "managementListenAddress": "127.0.0.1:{{_managementPort}}",
                    "certificate": "{{tlsFile}}",
                    "privateKey": "{{tlsFile}}",
                    "httpPort": {{httpPort}},
                    "tlsPort": {{tlsPort}},
                    "certificateValidityPeriod": {{validSeconds}}
                }
            }
            """);
        _pebble = ChildProcess.Start(
            "pebble", ["-config", configuration, "-dnsserver", $"127.0.0.1:{dnsPort}", "-strict"],
            new Dictionary<string, string> { ["PEBBLE_WFE_NONCEREJECT"] = "20", ["PEBBLE_VA_NOSLEEP"] = "1" });
        Root = X509Certificate2.CreateFromPem(await AskUntilItAnswers($"https://127.0.0.1:{_managementPort}/roots/0"));
        await AskUntilItAnswers(Acme.Url);
        // It answers over TCP as it does over UDP.
        await Wait.Until(() => _dns.HasExited || RealApp.Answers(dnsPort), "a DNS to listen");
        Assert.False(_dns.HasExited, $"pebble-challtestsrv did not start: {_dns.Error}");
    }

    /// <summary>Starts it for a hotcore that runs.</summary>
    public Task Start(RunningHotcore hotcore, int validSeconds = 90 * 86_400) =>
        Start(hotcore.Http.Port, hotcore.Https.Port, validSeconds);

    /// <summary>Ends it, and returns how many accounts it had by then.</summary>
    public async Task<int> EndAndCountAccounts()
    {
        await _pebble!.Kill();
        return int.Parse(AccountCount().Matches(await _pebble.ReadToEnd())[^1].Groups[1].Value);
    }

    public async ValueTask DisposeAsync()
    {
        if (_pebble != null)
            await _pebble.DisposeAsync();
        if (_dns != null)
            await _dns.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [GeneratedRegex(@"There are now (\d+) accounts in memory")]
    private static partial Regex AccountCount();

    private async Task<string> AskUntilItAnswers(string url)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var client = new HttpClient(handler) { Timeout = Wait.Limit };
        for (var deadline = DateTime.UtcNow + Wait.Limit; ;)
        {
            try
            {
                return await client.GetStringAsync(url);
            }
            catch (HttpRequestException notYet) when (notYet.InnerException is SocketException && DateTime.UtcNow < deadline)
            {
                if (_pebble!.HasExited)
                    throw new InvalidOperationException($"pebble did not start: {_pebble.Error}");
                await Task.Delay(50);
            }
        }
    }
}

/// <summary>A CA of a test's own, for certificates that are put into hotcore's folder by hand.</summary>
public sealed class TestAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public TestAuthority(string name)
    {
        var request = new CertificateRequest($"CN={name} {Guid.NewGuid():N}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        Certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-1), DateTimeOffset.UtcNow.AddYears(1));
    }

    public X509Certificate2 Certificate { get; }

    public TlsOptions Trusted => new() { Root = Certificate };

    /// <summary>A certificate, its CA's and its P-256 key, as one PEM text.</summary>
    public string Issue(string domain, IPAddress? address = null, DateTimeOffset? from = null, DateTimeOffset? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={domain}", key, HashAlgorithmName.SHA256);
        return Issue(request, domain, address, from, until) + key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    /// <summary>The same with an RSA key of 2048 bits.</summary>
    public string IssueRsa(string domain)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(
            $"CN={domain}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return Issue(request, domain, null, null, null) + key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    public void Dispose()
    {
        Certificate.Dispose();
        _key.Dispose();
    }

    private string Issue(
        CertificateRequest request, string domain, IPAddress? address, DateTimeOffset? from, DateTimeOffset? until)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(domain);
        if (address != null)
            names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, true, false));
        using var certificate = request.Create(
            Certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(_key),
            from ?? DateTimeOffset.UtcNow.AddDays(-1), until ?? DateTimeOffset.UtcNow.AddDays(89),
            RandomNumberGenerator.GetBytes(16));
        return $"{certificate.ExportCertificatePem()}\n{Certificate.ExportCertificatePem()}\n";
    }
}

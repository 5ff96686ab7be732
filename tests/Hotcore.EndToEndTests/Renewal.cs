using System.Collections.Concurrent;

namespace Hotcore.EndToEndTests;

/// <summary>Certificates of 60 seconds, renewed while they are in use.</summary>
public class Renewal : IAsyncLifetime
{
    /// <summary>Two thirds of 60 s come first; before the end the new one must be there.</summary>
    private static readonly TimeSpan UntilRenewed = TimeSpan.FromSeconds(60);

    private readonly Pebble _pebble = new();
    private readonly TestUpstream _app = TestUpstream.Echoing();
    private readonly CancellationTokenSource _end = new();
    private RunningHotcore _hotcore = null!;

    public async ValueTask InitializeAsync()
    {
        _hotcore = await RunningHotcore.Start(new StartOptions { Acme = _pebble.Acme });
        await _pebble.Start(_hotcore, validSeconds: 60);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _end.Dispose();
        await _hotcore.DisposeAsync();
        await _app.DisposeAsync();
        await _pebble.DisposeAsync();
    }

    [Fact]
    public async Task A_renewal_under_load_drops_no_connection_and_new_handshakes_see_the_new_certificate()
    {
        string[] domains = [await _hotcore.AddNewDomain(_app.Port), await _hotcore.AddNewDomain(_app.Port)];
        foreach (var domain in domains)
            await _hotcore.UntilCertificateIs("valid", domain);
        var serials = domains.ToDictionary(domain => domain, _ => new ConcurrentDictionary<string, bool>());

        var users = domains
            .SelectMany(domain => new[]
            {
                KeepAsking(domain), KeepAsking(domain), KeepEchoing(domain), KeepConnecting(domain, serials[domain]),
            })
            .ToList();
        var renewed = Wait.Until(
            () => serials.Values.All(seen => seen.Count > 1), "a second certificate for each domain", UntilRenewed);
        var first = await Task.WhenAny([renewed, .. users]);
        // Whatever was open goes on for a moment under the new certificate.
        if (first == renewed)
            await Task.Delay(1_000);
        await _end.CancelAsync();

        await first;
        await Task.WhenAll(users);
        foreach (var domain in domains)
        {
            using var onDisk = Certificates.ReadWhole(_hotcore.CertificateFile(domain));
            await using var client = await _hotcore.ConnectTls(domain, _pebble.Trusted);
            Assert.Equal(onDisk.SerialNumber, client.Certificate.SerialNumber);
        }
    }

    private async Task KeepAsking(string domain)
    {
        await using var client = await _hotcore.ConnectTls(domain, _pebble.Trusted);
        client.Reader.IsRecording = false;
        for (var i = 0; !_end.IsCancellationRequested; i++)
        {
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);
            await Task.Delay(10);
        }
    }

    private async Task KeepEchoing(string domain)
    {
        await using var tunnel = await _hotcore.ConnectTls(domain, _pebble.Trusted);
        tunnel.Reader.IsRecording = false;
        await tunnel.Upgrade(domain);
        for (var i = 0; !_end.IsCancellationRequested; i++)
        {
            await tunnel.ExpectEcho($"message {i}");
            await Task.Delay(10);
        }
    }

    /// <summary>Every handshake here is checked against the clock: a certificate at its end fails it.</summary>
    private async Task KeepConnecting(string domain, ConcurrentDictionary<string, bool> serials)
    {
        while (!_end.IsCancellationRequested)
        {
            await using var client = await _hotcore.ConnectTls(domain, _pebble.Trusted);
            Assert.Equal("GET /new", (await client.Get(domain, "/new")).Text);
            serials[client.Certificate.SerialNumber] = true;
            await Task.Delay(100);
        }
    }
}

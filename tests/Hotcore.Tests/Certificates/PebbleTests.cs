using System.Security.Cryptography.X509Certificates;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

public sealed class PebbleTests : IDisposable
{
    private static readonly DomainName[] Fifty =
        [.. Enumerable.Range(1, 50).Select(i => RunningRenewal.Name($"app{i}.example.com"))];

    private static readonly TimeSpan NinetyDays = TimeSpan.FromDays(90);

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly TlsChallenges _tls = new();
    private readonly LogLines _log = new();
    private readonly ChallengeServers _servers;

    public PebbleTests() => _servers = new ChallengeServers(_http, _tls);

    public void Dispose()
    {
        _servers.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Fifty_domains_added_at_once_get_certificates_by_http()
    {
        using var closed = new ClosedPort();
        await using var pebble = await Pebble.StartAsync(_servers.HttpPort, closed.Number, NinetyDays);
        await ObtainFiftyAsync(pebble);
    }

    [Fact]
    public async Task Fifty_domains_added_at_once_get_certificates_by_tls_where_port_80_is_closed()
    {
        using var closed = new ClosedPort();
        await using var pebble = await Pebble.StartAsync(closed.Number, _servers.TlsPort, NinetyDays);
        await ObtainFiftyAsync(pebble);
    }

    [Fact]
    public async Task Short_lived_certificates_are_renewed_by_themselves_before_they_end()
    {
        var lifetime = TimeSpan.FromSeconds(30); // The third that is left to a renewal has to do on a busy machine.
        await using var pebble = await Pebble.StartAsync(_servers.HttpPort, _servers.TlsPort, lifetime);
        await using var running = Run(pebble);
        var second = new TaskCompletionSource();
        var end = DateTimeOffset.MaxValue;
        var count = 0;
        running.OnPublished = certificate =>
        {
            if (DateTimeOffset.UtcNow > end) second.TrySetException(new InvalidOperationException("it had ended"));
            end = certificate.NotAfter;
            if (++count == 2) second.TrySetResult();
        };
        await running.Renewal.LoadAsync();
        running.Renewal.Begin();
        running.Renewal.Ensure(Fifty[0]);
        await second.Task;
        Assert.Equal(2, running.Published[Fifty[0]].DistinctBy(made => Convert.ToHexString(made.KeyDer)).Count());
    }

    [Fact]
    public async Task A_ca_whose_root_nobody_named_is_not_trusted()
    {
        await using var pebble = await Pebble.StartAsync(_servers.HttpPort, _servers.TlsPort, NinetyDays);
        await using var running = Run(pebble, withRoot: false);
        running.Renewal.Ensure(Fifty[0]);
        await running.Renewal.WhenSettled(Fifty[0]);
        var state = running.Renewal.StateOf(Fifty[0]);
        Assert.Equal(CertificateCondition.Failed, state.Condition);
        Assert.Contains("its TLS certificate is not trusted", state.Failure, StringComparison.Ordinal);
    }

    private RunningRenewal Run(Pebble pebble, bool withRoot = true)
    {
        var settings = new AcmeSettings(pebble.Directory) { ExtraRootsFile = withRoot ? pebble.RootFile : null };
        return new RunningRenewal(settings, _folder["certificates"], _http, _tls, _log);
    }

    private async Task ObtainFiftyAsync(Pebble pebble)
    {
        await using var running = Run(pebble);
        foreach (var domain in Fifty) running.Renewal.Ensure(domain);
        await Task.WhenAll(Fifty.Select(running.Renewal.WhenSettled));
        foreach (var domain in Fifty)
        {
            var state = running.Renewal.StateOf(domain);
            Assert.True(state.Condition == CertificateCondition.Valid, state.Failure);
            var certificate = running.Store.Load(domain)!;
            Assert.Equal([domain.ToString()], certificate.Names);
            Assert.Equal(2, certificate.ChainDer.Count);
            using var leaf = X509CertificateLoader.LoadCertificate(certificate.ChainDer[0]);
            Assert.NotNull(leaf.GetECDsaPublicKey());
        }
        Assert.Single(Directory.GetFiles(_folder["certificates"], "account_*"));
        Assert.Equal(51, Directory.GetFiles(_folder["certificates"], "*.pem").Length);
        Assert.Single(_log.All, line => line.Contains("the account at the CA is", StringComparison.Ordinal));
    }
}

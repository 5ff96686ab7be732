using System.Collections.Concurrent;
using Hotcore.Certificates;
using Hotcore.Certificates.Local;
using Hotcore.Logs;
using Hotcore.Mappings;

namespace Hotcore;

/// <summary>
/// HTTPS of local mode: certificates of a CA on this machine, made when somebody asks for them, for mapped names and everything
/// under localhost. Plain HTTP stays beside it.
/// </summary>
internal sealed class LocalHttps : Https, ICertificateOrigin
{
    private const int MostNames = 10_000;
    private static readonly TimeSpan RenewalInterval = TimeSpan.FromHours(12);

    private readonly LocalAuthority _authority;
    private readonly LocalCertificates _certificates;
    private readonly MappingTable _mappings;
    private readonly ConcurrentDictionary<DomainName, LocalCertificate> _published = [];
    private readonly Action<string> _log;
    private readonly ITimer _renewing;

    /// <summary>Opens the machine's CA, or makes one.</summary>
    /// <exception cref="Tls.TlsUnavailableException">There is no usable OpenSSL.</exception>
    /// <exception cref="IOException">The folder of the CA cannot be used.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise, for want of rights.</exception>
    public LocalHttps(
        string folder, MappingTable mappings, Func<string, string?> environment, TimeProvider clock, Action<string> log)
        : base(challenges: null, clock, log)
    {
        (_mappings, _log) = (mappings, log);
        _authority = LocalAuthority.Open(folder, clock, log, environment);
        _certificates = new LocalCertificates(_authority, clock);
        Selector.Origin = this;
        _renewing = clock.CreateTimer(_ => RenewAll(), null, RenewalInterval, RenewalInterval);
    }

    public override bool Redirects => false;

    public override Task LoadAsync() => Task.CompletedTask;

    public override void Follow(MappingChange change)
    {
        // A certificate costs a millisecond, so it is made when it is asked for, and again after that.
        if (change.Mapping is not null)
            return;
        _published.TryRemove(change.Domain, out _);
        Selector.Withdraw(change.Domain);
    }

    public override string? Renew(DomainName domain) =>
        $"in local mode no CA is asked: the certificate of {domain} is made on this machine, anew at each start, with a new key; "
        + "restart hotcore";

    public override CertificateWords Describe(DomainName domain) => new(
        _published.TryGetValue(domain, out var certificate) ? $"local until {Format(certificate.NotAfter)}" : "local", null);

    public override bool NeedsAttention(DomainName domain) => false;

    public bool MayCome(DomainName domain) =>
        LocalCertificates.MayIssue(domain, name => _mappings.Snapshot.Find(name) is not null) && _published.Count < MostNames;

    public async Task WhenSettled(DomainName domain)
    {
        try
        {
            var certificate = await _certificates.EnsureAsync(domain);
            if (_published.TryGetValue(domain, out var known) && known == certificate)
                return;
            Selector.Publish(domain, certificate.ChainDer, certificate.KeyPkcs8);
            _published[domain] = certificate;
        }
        catch (InvalidOperationException ended)
        {
            _log($"no certificate for {domain}: {ended.Message}");
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _renewing.DisposeAsync();
        _authority.Dispose();
    }

    private void RenewAll()
    {
        foreach (var domain in _published.Keys)
            _ = WhenSettled(domain);
    }
}

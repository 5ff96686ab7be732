using Hotcore.Certificates;
using Hotcore.Certificates.Acme;
using Hotcore.Logs;
using Hotcore.Mappings;

namespace Hotcore;

/// <summary>HTTPS of a server: certificates from an ACME CA, obtained and renewed without a word.</summary>
internal sealed class AcmeHttps : Https
{
    private static readonly TimeSpan TooCloseToItsEnd = TimeSpan.FromDays(3);

    private readonly AcmeClient _client;
    private readonly CertificateAuthority _authority;
    private readonly CertificateRenewal _renewal;
    private readonly MappingTable _mappings;
    private readonly TimeProvider _clock;

    private AcmeHttps(
        AcmeSettings settings, string folder, MappingTable mappings, TlsChallenges tlsChallenges, TimeProvider clock,
        Action<string> log)
        : base(tlsChallenges, clock, log)
    {
        (_mappings, _clock) = (mappings, clock);
        var store = new CertificateStore(folder, clock, log);
        var records = new RenewalRecords(folder, log);
        var boards = new ChallengeBoards(Challenges, tlsChallenges, clock);
        _client = new AcmeClient(settings, folder, boards, clock, log);
        _authority = new CertificateAuthority(
            _client.IssueAsync, _client.FetchWindowAsync, settings.IsPublic, records, clock, log);
        var parts = new RenewalParts(store, records, _authority, Publish, clock, log);
        _renewal = new CertificateRenewal(parts, () => mappings.Snapshot);
        Selector.Origin = _renewal;
    }

    public override HttpChallenges Challenges { get; } = new();

    public override bool Redirects => true;

    /// <summary>Builds it; nothing is asked of the CA before <see cref="StartAsync"/>.</summary>
    /// <exception cref="Tls.TlsUnavailableException">There is no usable OpenSSL.</exception>
    /// <exception cref="IOException">The folder of certificates cannot be used.</exception>
    public static AcmeHttps Create(
        AcmeSettings settings, string folder, MappingTable mappings, TimeProvider clock, Action<string> log) =>
        new(settings, folder, mappings, new TlsChallenges(), clock, log);

    public override Task StartAsync() => _renewal.Start();

    public override void Follow(MappingChange change)
    {
        if (change.Mapping is not null)
        {
            _renewal.Ensure(change.Domain);
            return;
        }

        _renewal.Forget(change.Domain);
        Selector.Withdraw(change.Domain);
    }

    public override CertificateWords Describe(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        var text = state.Condition.ToString().ToLowerInvariant();
        if (state.NotAfter is { } end)
            text += $" until {Format(end)}";
        if (state.NextRenewal is { } renewal)
            text += $" renews {Format(renewal)}";
        if (state.NextTry is { } next)
            text += $" retries {Format(next)}";
        return new CertificateWords(text, state.Failure?.ReplaceLineEndings(" "));
    }

    /// <summary>A first certificate that cannot be had, or one that is about to end: renewal should have come long before.</summary>
    public override bool NeedsAttention(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        return state.Condition == CertificateCondition.Failed
            || (state.NotAfter is { } end && end - _clock.GetUtcNow() < TooCloseToItsEnd);
    }

    public override async ValueTask DisposeAsync()
    {
        await _renewal.DisposeAsync();
        _authority.Dispose();
        _client.Dispose();
    }

    private void Publish(DomainName domain, StoredCertificate certificate)
    {
        // A domain may be gone by the time its certificate is there; the file is kept for a later add.
        if (_mappings.Snapshot.Find(domain) is not null)
            Selector.Publish(domain, certificate.ChainDer, certificate.KeyPkcs8);
    }
}

using System.Diagnostics.CodeAnalysis;
using Hotcore.Certificates;
using Hotcore.Certificates.Acme;
using Hotcore.Logs;
using Hotcore.Mappings;

namespace Hotcore;

/// <summary>HTTPS of a server: certificates from an ACME CA, obtained and renewed without a word.</summary>
internal sealed class AcmeHttps : Https
{
    private static readonly TimeSpan TooCloseToItsEnd = TimeSpan.FromDays(3);

    private readonly AcmeSettings _settings;
    private readonly string _folder;
    private readonly MappingTable _mappings;
    private readonly TlsChallenges _tlsChallenges;
    private readonly TimeProvider _clock;
    private readonly Action<string> _log;
    private AcmeClient _client;
    private CertificateAuthority _authority;
    private CertificateRenewal _renewal;
    private volatile bool _hasBegun;
    private volatile bool _hasLetGo;

    private AcmeHttps(
        AcmeSettings settings, string folder, MappingTable mappings, TlsChallenges tlsChallenges, TimeProvider clock,
        Action<string> log)
        : base(tlsChallenges, clock, log)
    {
        (_settings, _folder, _mappings, _tlsChallenges, _clock, _log) = (settings, folder, mappings, tlsChallenges, clock, log);
        TakeUp();
    }

    public override HttpChallenges Challenges { get; } = new();

    public override bool Redirects => true;

    /// <summary>Builds it; nothing is asked of the CA before <see cref="Begin"/>.</summary>
    /// <exception cref="Tls.TlsUnavailableException">There is no usable OpenSSL.</exception>
    /// <exception cref="IOException">The folder of certificates cannot be used.</exception>
    public static AcmeHttps Create(
        AcmeSettings settings, string folder, MappingTable mappings, TimeProvider clock, Action<string> log) =>
        new(settings, folder, mappings, new TlsChallenges(), clock, log);

    public override Task LoadAsync() => _renewal.LoadAsync();

    public override void Begin()
    {
        _hasBegun = true;
        _renewal.Begin();
    }

    /// <summary>Breaks off what is under way. Whoever takes over begins it again.</summary>
    public override async Task LetGoAsync()
    {
        if (_hasLetGo) return;
        _hasLetGo = true;
        await _renewal.DisposeAsync();
        _authority.Dispose();
        _client.Dispose();
    }

    public override async Task TakeBackAsync()
    {
        TakeUp();
        _hasLetGo = false;
        await LoadAsync();
        Begin();
    }

    public override void Follow(MappingChange change)
    {
        if (change.Mapping is not null)
        {
            _renewal.Ensure(change.Domain, _hasBegun);
            return;
        }

        _renewal.Forget(change.Domain);
        Selector.Withdraw(change.Domain);
    }

    public override string? Renew(DomainName domain) =>
        _hasBegun && !_hasLetGo
            ? _renewal.Renew(domain)
            : "hotcore starts, or gives way to a new process, at this moment; repeat it in a few seconds";

    public override CertificateWords Describe(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        var text = state.Condition.ToString().ToLowerInvariant();
        if (state.NotAfter is { } end)
            text += $" until {Format(end)}";
        if (state.IsOwners)
            text += " from owner";
        if (state.NextRenewal is { } renewal)
            text += $" renews {Format(renewal)}";
        if (state.NextTry is { } next)
            text += $" retries {Format(next)}";
        return new CertificateWords(text, state.Failure?.ReplaceLineEndings(" "));
    }

    /// <summary>
    /// A first certificate that cannot be had, one of the owner's own whose end is near, or one that is about to end: renewal
    /// should have come long before.
    /// </summary>
    public override bool NeedsAttention(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        return state.Condition == CertificateCondition.Failed
            || state is { IsOwners: true, Failure: not null }
            || (state.NotAfter is { } end && end - _clock.GetUtcNow() < TooCloseToItsEnd);
    }

    public override async ValueTask DisposeAsync() => await LetGoAsync();

    [MemberNotNull(nameof(_client), nameof(_authority), nameof(_renewal))]
    private void TakeUp()
    {
        var store = new CertificateStore(_folder, _clock, _log);
        var records = new RenewalRecords(_folder, _log);
        var boards = new ChallengeBoards(Challenges, _tlsChallenges, _clock);
        _client = new AcmeClient(_settings, _folder, boards, _clock, _log);
        _authority = new CertificateAuthority(
            _settings.Directory, _client.IssueAsync, _client.FetchWindowAsync, _settings.IsPublic, records, _clock, _log);
        var parts = new RenewalParts(store, records, _authority, Publish, _clock, _log);
        _renewal = new CertificateRenewal(parts, () => _mappings.Snapshot);
        Selector.Origin = _renewal;
    }

    private void Publish(DomainName domain, StoredCertificate certificate)
    {
        // A domain may be gone by the time its certificate is there; the file is kept for a later add.
        if (_mappings.Snapshot.Find(domain) is not null)
            Selector.Publish(domain, certificate.ChainDer, certificate.KeyDer);
    }
}

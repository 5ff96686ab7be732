using System.Globalization;
using Hotcore.Certificates;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Hotcore.Tls;

namespace Hotcore;

/// <summary>
/// What HTTPS consists of on a server: the store of certificates, the CA they come from, and what handshakes and plain HTTP
/// need to know of both.
/// </summary>
internal sealed class Https : IAsyncDisposable
{
    private readonly AcmeClient _client;
    private readonly CertificateAuthority _authority;
    private readonly CertificateRenewal _renewal;
    private readonly TimeProvider _clock;

    /// <summary>Builds it; nothing is asked of the CA before <see cref="StartAsync"/>.</summary>
    /// <exception cref="TlsUnavailableException">There is no usable OpenSSL.</exception>
    /// <exception cref="IOException">The folder of certificates cannot be used.</exception>
    public Https(AcmeSettings settings, string folder, MappingTable mappings, TimeProvider clock, Action<string> log)
    {
        _clock = clock;
        var tlsChallenges = new TlsChallenges();
        Selector = new CertificateSelector(tlsChallenges, log);
        Tls = new TlsContext(Selector.Choose, Selector.Await, clock);
        var store = new CertificateStore(folder, clock, log);
        var records = new RenewalRecords(folder, log);
        var boards = new ChallengeBoards(Challenges, tlsChallenges, clock);
        _client = new AcmeClient(settings, folder, boards, clock, log);
        _authority = new CertificateAuthority(_client.IssueAsync, _client.FetchWindowAsync, records, clock, log);
        var parts = new RenewalParts(store, records, _authority, Publish, clock, log);
        _renewal = new CertificateRenewal(parts, () => mappings.Snapshot);
        Selector.Origin = _renewal;
    }

    public CertificateSelector Selector { get; }

    public TlsContext Tls { get; }

    public HttpChallenges Challenges { get; } = new();

    /// <summary>Puts in force what is on disk; what is missing or due is obtained after that, in the background.</summary>
    public Task StartAsync() => _renewal.Start();

    /// <summary>Any thread, quick: a mapping was made, or is gone.</summary>
    public void Follow(MappingChange change)
    {
        if (change.Mapping is null)
            _renewal.Forget(change.Domain);
        else
            _renewal.Ensure(change.Domain);
    }

    /// <summary>Any thread: what status says of a domain's certificate, as in <c>valid until … renews …</c>.</summary>
    public string Describe(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        var text = state.Condition.ToString().ToLowerInvariant();
        if (state.NotAfter is { } end)
            text += $" until {Format(end)}";
        if (state.NextRenewal is { } renewal)
            text += $" renews {Format(renewal)}";
        if (state.NextTry is { } next)
            text += $" retries {Format(next)}";
        return state.Failure is { } failure ? $"{text} because {failure.ReplaceLineEndings(" ")}" : text;
    }

    /// <summary>Any thread: whether the owner has to look at the certificate: it failed, or ends within 3 days.</summary>
    public bool NeedsAttention(DomainName domain)
    {
        var state = _renewal.StateOf(domain);
        return state.Condition == CertificateCondition.Failed
            || (state.NotAfter is { } end && end - _clock.GetUtcNow() < TimeSpan.FromDays(3) && state.Failure is not null);
    }

    public async ValueTask DisposeAsync()
    {
        await _renewal.DisposeAsync();
        _authority.Dispose();
        _client.Dispose();
    }

    private static string Format(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private void Publish(DomainName domain, StoredCertificate certificate) =>
        Selector.Publish(domain, certificate.ChainDer, certificate.KeyPkcs8);
}

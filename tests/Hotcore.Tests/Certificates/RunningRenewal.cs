using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>The whole certificate room on a folder, as the program builds it.</summary>
internal sealed class RunningRenewal : IAsyncDisposable
{
    private readonly AcmeClient _client;

    public RunningRenewal(
        AcmeSettings settings,
        string folder,
        HttpChallenges http,
        TlsChallenges tls,
        LogLines log,
        TimeProvider? clock = null,
        IReadOnlyCollection<DomainName>? mapped = null,
        IssueCertificate? issue = null)
    {
        clock ??= TimeProvider.System;
        Store = new CertificateStore(folder, clock, log.Write);
        var records = new RenewalRecords(folder, log.Write);
        var boards = new ChallengeBoards(http, tls, clock, (_, _, _) => Task.FromResult<string?>(null));
        _client = new AcmeClient(settings, folder, boards, clock, log.Write);
        var authority = new CertificateAuthority(
            settings.Directory, issue ?? _client.IssueAsync, _client.FetchWindowAsync, settings.IsPublic, records, clock, log.Write);
        var parts = new RenewalParts(Store, records, authority, Publish, clock, log.Write);
        var mappings = (mapped ?? []).Select(domain => new Mapping(domain, 80, clock.GetUtcNow()));
        var snapshot = MappingSnapshot.Create([.. mappings]);
        Renewal = new CertificateRenewal(parts, () => snapshot);
    }

    public CertificateStore Store { get; }

    public CertificateRenewal Renewal { get; }

    /// <summary>What is in force, and how often something was put in force.</summary>
    public Dictionary<DomainName, List<StoredCertificate>> Published { get; } = [];

    /// <summary>Which domains' certificates cannot be put in force.</summary>
    public Func<DomainName, bool> Refuse { get; set; } = _ => false;

    /// <summary>Called after each certificate that was put in force.</summary>
    public Action<StoredCertificate> OnPublished { get; set; } = _ => { };

    public static DomainName Name(string text) =>
        DomainName.TryParse(text, out var domain, out var error)
            ? domain
            : throw new ArgumentException(error, nameof(text));

    /// <summary>Begins what is due, once nothing is under way: what runs is not begun again, however near its end it is.</summary>
    public async Task DecideAsync()
    {
        await Renewal.WhenIdle();
        await Renewal.DecideAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Renewal.DisposeAsync();
        _client.Dispose();
    }

    private void Publish(DomainName domain, StoredCertificate certificate)
    {
        if (Refuse(domain)) throw new InvalidOperationException("refused");
        lock (Published)
        {
            if (!Published.TryGetValue(domain, out var all)) Published[domain] = all = [];
            all.Add(certificate);
        }
        OnPublished(certificate);
    }
}

using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// One domain's job: loads its certificate, asks the CA when to renew it, renews it, and remembers what failed. One
/// run at a time; whatever goes wrong in it stays in it. <see cref="CertificateRenewal"/> says when it runs.
/// </summary>
/// <param name="domain">The domain.</param>
/// <param name="parts">What it works with.</param>
/// <param name="predecessor">The last run of an earlier job for the domain; this one's first comes after it.</param>
internal sealed class DomainRenewal(DomainName domain, RenewalParts parts, Task predecessor)
{
    private readonly bool _mayBeCertified = parts.Authority.MayCertify(domain);
    private readonly CertificateAdvice _advice = new(domain, parts);
    private readonly Lock _loading = new();
    private readonly Lock _changing = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _dropping = new();
    private volatile DomainFacts _facts = new();
    private volatile bool _isRunning;

    public DomainName Domain => domain;

    /// <summary>The newest run, perhaps ended.</summary>
    public Task Running { get; private set; } = predecessor;

    public bool IsRunning => _isRunning;

    public Task Settled => _settled.Task;

    /// <summary>The next time at which something may be due; a time far off while it runs, or where nothing ever is.</summary>
    public DateTimeOffset NextStep =>
        IsRunning || (_facts.IsLoaded && !_mayBeCertified) ? DateTimeOffset.MaxValue : _facts.NextStep;

    /// <summary>The domain is no longer mapped: what runs is broken off, and nothing is begun.</summary>
    public void Drop()
    {
        _settled.TrySetResult();
        _dropping.Cancel();
    }

    public CertificateState StateAt(DateTimeOffset now) => _advice.StateAt(_facts, Settled.IsCompleted, now);

    /// <param name="now">The time.</param>
    /// <param name="looksAtFile">Whether a file that has changed counts, which costs a look at the disk.</param>
    public bool IsDue(DateTimeOffset now, bool looksAtFile = true)
    {
        if (IsRunning || _dropping.IsCancellationRequested) return false;
        var facts = _facts;
        if (!facts.IsLoaded || IsWarningDue(facts, now)) return true;
        var isDue = _mayBeCertified && (facts.IsIssuanceDue(now) || facts.IsCheckDue(now));
        if (isDue && parts.Authority.PauseAt(now) is null) return true;
        return looksAtFile && parts.Store.StampOf(domain) != facts.Stamp;
    }

    /// <summary>
    /// Remembers, on disk, that the owner wants a new certificate now. Null, or why there will be none. Blocks on the disk.
    /// </summary>
    public string? TryAsk(DateTimeOffset now)
    {
        LoadFirst();
        lock (_changing)
        {
            var refusal = _advice.RefuseToRenew(_facts, now);
            if (refusal is null) Keep(record => record.WithoutFailure() with { AskedAt = now, IsAskedFor = true });
            return refusal;
        }
    }

    /// <summary>Starts a run on the thread pool. The task never fails.</summary>
    /// <param name="ended">Called when it has ended.</param>
    public Task Begin(Action<DomainRenewal> ended)
    {
        var before = Running;
        _isRunning = true;
        Running = Task.Run(async () =>
        {
            await before.ConfigureAwait(false);
            await RunAsync(_dropping.Token).ConfigureAwait(false);
            _isRunning = false;
            ended(this);
        });
        return Running;
    }

    /// <summary>Takes in what the disk holds, once. Blocks on it.</summary>
    public void LoadFirst()
    {
        lock (_loading)
        {
            if (!_facts.IsLoaded) Load();
        }
    }

    private bool IsWarningDue(DomainFacts facts, DateTimeOffset now) =>
        (facts.IsOwners(now) || (!_mayBeCertified && facts.Certificate?.IsValid(now) == true))
        && facts.EndsSoon(now) && !facts.IsWarned(now);

    private void LoadWhereChanged()
    {
        lock (_loading)
        {
            if (!_facts.IsLoaded || parts.Store.StampOf(domain) != _facts.Stamp) Load();
        }
    }

    private void Load()
    {
        try
        {
            // Read before the content: a file that changes in between is read once more.
            var stamp = parts.Store.StampOf(domain);
            var record = _facts.IsLoaded ? RenewalRecord.Empty : parts.Records.Load(domain).At(parts.Authority.Directory);
            var certificate = parts.Store.Load(domain);
            // Where it was set aside, there is none any more.
            var isThere = parts.Store.Has(domain);
            if (!isThere) stamp = parts.Store.StampOf(domain);
            Note(known => known with
            {
                IsLoaded = true,
                Record = known.IsLoaded ? known.Record : record,
                Certificate = null,
                Stamp = stamp,
            });
            if (certificate is not null) TakeIn(certificate, isStandIn: !isThere);
            else if (!_mayBeCertified) TakeNone();
        }
        catch (Exception failure)
        {
            // What cannot be read, or put in force, is issued anew once the wait is over.
            Note(known => known with { IsLoaded = true });
            TakeFailure(failure);
        }
    }

    private void TakeNone()
    {
        parts.Log($"certificate of {domain}: none is asked for: {_advice.ExplainNone()}");
        _settled.TrySetResult();
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            LoadWhereChanged();
            var now = parts.Clock.GetUtcNow();
            if (IsWarningDue(_facts, now)) Warn(now);
            if (_mayBeCertified && parts.Authority.PauseAt(now) is null)
            {
                if (_facts.IsCheckDue(now)) await CheckWindowAsync(now, cancellation).ConfigureAwait(false);
                if (_facts.IsIssuanceDue(now)) await IssueAsync(cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
        catch (Exception failure)
        {
            TakeFailure(failure);
        }
        _settled.TrySetResult();
    }

    private void Warn(DateTimeOffset now)
    {
        parts.Log($"certificate of {domain}: {_advice.WarnOfEnd(_facts.Certificate!.NotAfter)}");
        Keep(record => record with { WarnedAt = now });
    }

    private async Task IssueAsync(CancellationToken cancellation)
    {
        var facts = _facts;
        // Only a certificate that this CA has renewal information on is one of its own.
        var isKnown = facts is { Certificate.Issuer: CertificateIssuer.PresentCa, Record.WindowStart: not null };
        var request = new IssuanceRequest(domain, isKnown ? facts.Certificate!.Id : null, facts.Record.PrefersTls);
        var issuance = await parts.Authority.IssueAsync(request, cancellation).ConfigureAwait(false);
        if (issuance is null) return;
        LoadWhereChanged();
        facts = _facts;
        if (facts.IsOwners(parts.Clock.GetUtcNow()))
        {
            parts.Log($"certificate of {domain}: issued, and not used: one of your own was put there meanwhile");
            return;
        }
        TakeIssued(issuance, facts is { Certificate.Issuer: CertificateIssuer.Owner, IsStandIn: false });
        await CheckWindowAsync(parts.Clock.GetUtcNow(), cancellation).ConfigureAwait(false);
    }

    private void TakeIssued(Issuance issuance, bool replacesOwners)
    {
        var certificate = issuance.Certificate.MarkIssued(parts.Authority.Directory);
        var kept = parts.Store.Save(certificate, replacesOwners);
        Note(known => known with
        {
            Stamp = parts.Store.StampOf(domain),
            // What was remembered of the one before is over; it is written down with what goes for this one.
            Record = RenewalRecord.Empty with
            {
                PrefersTls = issuance.Kind == ChallengeKind.Tls,
                AskedAt = known.Record.AskedAt,
            },
        });
        TakeIn(certificate, isStandIn: false);
        parts.Log($"certificate of {domain}: issued, valid until {CertificateAdvice.Shown(certificate.NotAfter)}");
        if (kept is not null) parts.Log($"certificate of {domain}: your own has expired; it is kept as {kept}");
    }

    /// <summary>Puts a certificate in force, and settles when it is renewed, unless that is settled already.</summary>
    private void TakeIn(StoredCertificate certificate, bool isStandIn)
    {
        var issuer = IssuerOf(certificate);
        var facts = new CertificateFacts(certificate.Id, certificate.NotBefore, certificate.NotAfter, issuer);
        var isOwners = issuer == CertificateIssuer.Owner;
        if (_facts.Record.NotAfter != facts.NotAfter || _facts.Record.RenewAt is null != isOwners)
        {
            Keep(record => RenewalRecord.Empty with
            {
                NotAfter = facts.NotAfter,
                RenewAt = isOwners ? null : RenewalSchedule.PickTime(facts.NotBefore, facts.NotAfter, Random.Shared),
                PrefersTls = record.PrefersTls,
                AskedAt = record.AskedAt,
            });
        }
        if (!_dropping.IsCancellationRequested) parts.Publish(domain, certificate);
        Note(known => known with { Certificate = facts, IsStandIn = isStandIn, NextCheck = default });
        _settled.TrySetResult();
    }

    /// <summary>
    /// A file says itself who issued it to hotcore. An early version did not write that down; what its record says the CA has a
    /// window for was issued by that CA. The rest is taken for the owner's: to renew a certificate late, with a warning first,
    /// does less harm than to replace one that was paid for.
    /// </summary>
    private CertificateIssuer IssuerOf(StoredCertificate certificate)
    {
        var (record, present) = (_facts.Record, parts.Authority.Directory);
        var isKnown = record.NotAfter == certificate.NotAfter && record.WindowStart is not null;
        var directory = certificate.IssuedBy ?? (isKnown ? record.Directory ?? present : null);
        if (directory is null) return CertificateIssuer.Owner;
        return directory == present ? CertificateIssuer.PresentCa : CertificateIssuer.FormerCa;
    }

    /// <summary>Changes what is remembered, on disk as well. Of any thread; blocks on the disk.</summary>
    private void Keep(Func<RenewalRecord, RenewalRecord> change)
    {
        lock (_changing)
        {
            var record = change(_facts.Record) with { Directory = parts.Authority.Directory };
            _facts = _facts with { Record = record };
            parts.Records.Save(domain, record);
        }
    }

    private void Note(Func<DomainFacts, DomainFacts> change)
    {
        lock (_changing) _facts = change(_facts);
    }

    private async Task CheckWindowAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        TimeSpan? askAgainAfter;
        try
        {
            if (_facts.Certificate?.Id is not { } id) return;
            var window = await parts.Authority.FetchWindowAsync(id, cancellation).ConfigureAwait(false);
            askAgainAfter = window?.AskAgainAfter;
            if (window is not null) TakeWindow(window);
        }
        catch (AcmeFailure failure)
        {
            // What is known already stands: two thirds of the lifetime, or an earlier window.
            askAgainAfter = failure.RetryAfter;
        }
        var wait = RenewalSchedule.WaitForCheck(askAgainAfter, Random.Shared);
        Note(known => known with { CheckedAt = now, NextCheck = now + wait });
    }

    private void TakeWindow(RenewalWindow window)
    {
        var record = _facts.Record;
        if (record.WindowStart == window.Start && record.WindowEnd == window.End) return;
        var certificate = _facts.Certificate!;
        var time =
            RenewalSchedule.PickTime(certificate.NotBefore, certificate.NotAfter, window, Random.Shared);
        Keep(known => known with { RenewAt = time, WindowStart = window.Start, WindowEnd = window.End });
        if (window.Explanation is null) return;
        parts.Log($"certificate of {domain}: the CA wants it renewed at {CertificateAdvice.Shown(time)}; why: {window.Explanation}");
    }

    private void TakeFailure(Exception failure)
    {
        var now = parts.Clock.GetUtcNow();
        var failures = _facts.Record.Failures + 1;
        var refusal = failure as AcmeFailure;
        var next = now + RetrySchedule.WaitAfter(
            failures, refusal?.RetryAfter, refusal is { ConcernsAllDomains: true }, Random.Shared);
        var isExpected = failure is AcmeFailure or IOException or UnauthorizedAccessException;
        var words = isExpected ? failure.Message : $"{failure.GetType().Name}: {failure.Message}";
        Keep(record => record with
        {
            Failures = failures,
            FailedAt = now,
            NextTry = next,
            IsWaitOfTheCa = refusal?.RetryAfter is not null,
            Failure = words,
        });
        parts.Log($"certificate of {domain}: {words}; tried again at {CertificateAdvice.Shown(next)}");
    }
}

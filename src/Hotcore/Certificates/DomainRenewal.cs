using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// One domain's job: looks at its certificate's file, asks the CA when to renew it, and renews it. One run at a time; whatever goes wrong in it stays in it. <see cref="CertificateRenewal"/> says when it runs.
/// </summary>
/// <param name="domain">The domain.</param>
/// <param name="parts">What it works with.</param>
/// <param name="predecessor">The last run of an earlier job for the domain; this one's first comes after it.</param>
internal sealed class DomainRenewal(DomainName domain, RenewalParts parts, Task predecessor)
{
    private readonly bool _mayBeCertified = parts.Authority.MayCertify(domain);
    private readonly DomainCertificate _certificate = new(domain, parts);
    private readonly CancellationTokenSource _dropping = new();
    private volatile bool _isRunning;

    public DomainName Domain => domain;

    /// <summary>The newest run, perhaps ended.</summary>
    public Task Running { get; private set; } = predecessor;

    public bool IsRunning => _isRunning;

    public Task Settled => _certificate.Settled;

    /// <summary>The next time at which something may be due; a time far off while it runs, or where nothing ever is.</summary>
    public DateTimeOffset NextStep =>
        IsRunning || (_certificate.Facts.IsLoaded && !_mayBeCertified) ? DateTimeOffset.MaxValue : _certificate.Facts.NextStep;

    /// <summary>The domain is no longer mapped: what runs is broken off, and nothing is begun.</summary>
    public void Drop()
    {
        _certificate.Drop();
        _dropping.Cancel();
    }

    public CertificateState StateAt(DateTimeOffset now) => _certificate.Advice.StateAt(_certificate.Facts, Settled.IsCompleted, now);

    /// <inheritdoc cref="DomainCertificate.TryAsk"/>
    public string? TryAsk(DateTimeOffset now) => _certificate.TryAsk(now);

    /// <inheritdoc cref="DomainCertificate.LoadFirst"/>
    public void LoadFirst() => _certificate.LoadFirst();

    /// <summary>Whether a run has something to do.</summary>
    /// <param name="now">The time.</param>
    /// <param name="looksAtFile">Whether a file that has changed counts, which costs a look at the disk.</param>
    public bool IsDue(DateTimeOffset now, bool looksAtFile = true)
    {
        if (IsRunning || _dropping.IsCancellationRequested) return false;
        var facts = _certificate.Facts;
        if (!facts.IsLoaded || IsWarningDue(facts, now)) return true;
        var isDue = _mayBeCertified && (facts.IsIssuanceDue(now) || facts.IsCheckDue(now));
        if (isDue && parts.Authority.PauseAt(now) is null) return true;
        return looksAtFile && parts.Store.StampOf(domain) != facts.Stamp;
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

    private bool IsWarningDue(DomainFacts facts, DateTimeOffset now) =>
        (facts.IsOwners(now) || (!_mayBeCertified && facts.Certificate?.IsValid(now) == true))
        && facts.EndsSoon(now) && !facts.IsWarned(now);

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            _certificate.LoadWhereChanged();
            var now = parts.Clock.GetUtcNow();
            if (IsWarningDue(_certificate.Facts, now)) Warn(now);
            if (_mayBeCertified && parts.Authority.PauseAt(now) is null)
            {
                if (_certificate.Facts.IsCheckDue(now)) await CheckWindowAsync(now, cancellation).ConfigureAwait(false);
                if (_certificate.Facts.IsIssuanceDue(now)) await IssueAsync(cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
        catch (Exception failure)
        {
            _certificate.TakeFailure(failure);
        }
        _certificate.Settle();
    }

    private void Warn(DateTimeOffset now)
    {
        parts.Log($"certificate of {domain}: {_certificate.Advice.WarnOfEnd(_certificate.Facts.Certificate!.NotAfter)}");
        _certificate.Keep(record => record with { WarnedAt = now });
    }

    private async Task IssueAsync(CancellationToken cancellation)
    {
        var facts = _certificate.Facts;
        // Only a certificate that this CA has renewal information on is one of its own.
        var isKnown = facts is { Certificate.Issuer: CertificateIssuer.PresentCa, Record.WindowStart: not null };
        var request = new IssuanceRequest(domain, isKnown ? facts.Certificate!.Id : null, facts.Record.PrefersTls);
        var issuance = await parts.Authority.IssueAsync(request, cancellation).ConfigureAwait(false);
        if (issuance is null) return;
        // What is not used, or is due again at once, has failed however well it was issued: the CA is never asked without a wait.
        var failures = facts.Record.Failures;
        if (FindObstacle() is { } obstacle)
        {
            _certificate.TakeFailure(new AcmeFailure($"issued, and not used: {obstacle}"), failures);
            return;
        }
        TakeIssued(issuance.Certificate.MarkIssued(parts.Authority.Directory), issuance.Kind);
        await CheckWindowAsync(parts.Clock.GetUtcNow(), cancellation).ConfigureAwait(false);
        facts = _certificate.Facts;
        if (facts.IsIssuanceDue(parts.Clock.GetUtcNow()) && !facts.Record.IsAskedFor)
            _certificate.TakeFailure(new AcmeFailure("issued, and to be renewed at once: check this machine's clock"), failures);
    }

    /// <summary>Why what was issued is not used; null where it is.</summary>
    private string? FindObstacle()
    {
        _certificate.LoadWhereChanged();
        var facts = _certificate.Facts;
        if (facts.Unreadable is not null) return facts.Unreadable;
        return facts.IsOwners(parts.Clock.GetUtcNow()) ? "one of your own was put there meanwhile" : null;
    }

    private void TakeIssued(StoredCertificate certificate, ChallengeKind kind)
    {
        var facts = _certificate.Facts;
        // One that is still being written will not be read any more, and is the owner's as well.
        var isOwners = facts is { Certificate.Issuer: CertificateIssuer.Owner, IsStandIn: false };
        var kept = parts.Store.Save(certificate, isOwners || parts.Store.StampOf(domain) != facts.Stamp);
        _certificate.TakeIssued(certificate, kind);
        parts.Log($"certificate of {domain}: issued, valid until {CertificateAdvice.Shown(certificate.NotAfter)}");
        if (kept is not null) parts.Log($"certificate of {domain}: your own, which serves no more, is kept as {kept}");
    }

    private async Task CheckWindowAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        TimeSpan? askAgainAfter;
        try
        {
            if (_certificate.Facts.Certificate?.Id is not { } id) return;
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
        _certificate.Note(known => known with { CheckedAt = now, NextCheck = now + wait });
    }

    private void TakeWindow(RenewalWindow window)
    {
        var record = _certificate.Facts.Record;
        if (record.WindowStart == window.Start && record.WindowEnd == window.End) return;
        var certificate = _certificate.Facts.Certificate!;
        var time =
            RenewalSchedule.PickTime(certificate.NotBefore, certificate.NotAfter, window, Random.Shared);
        _certificate.Keep(known => known with { RenewAt = time, WindowStart = window.Start, WindowEnd = window.End });
        if (window.Explanation is null) return;
        parts.Log($"certificate of {domain}: the CA wants it renewed at {CertificateAdvice.Shown(time)}; why: {window.Explanation}");
    }
}

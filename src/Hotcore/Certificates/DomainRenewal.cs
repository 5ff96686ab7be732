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
    private readonly Lock _loading = new();
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

    public CertificateState StateAt(DateTimeOffset now)
    {
        var facts = _facts;
        if (!_mayBeCertified && Settled.IsCompleted) return StateByHand(facts, now);
        var isValid = facts.Certificate is { } certificate && now < certificate.NotAfter;
        var held = facts.Record.Failure is not null ? facts.Record : null;
        // A pause that nothing waits for is no news.
        if (!isValid) held ??= parts.Authority.PauseAt(now);
        var condition = isValid ? CertificateCondition.Valid
            : held is not null ? CertificateCondition.Failed
            : CertificateCondition.Pending;
        return new CertificateState(
            condition,
            facts.Certificate?.NotAfter ?? facts.Record.NotAfter,
            facts.Certificate is null ? null : facts.Record.RenewAt,
            held?.Failure,
            held?.NextTry);
    }

    public bool IsDue(DateTimeOffset now)
    {
        if (IsRunning || _dropping.IsCancellationRequested) return false;
        var facts = _facts;
        if (!facts.IsLoaded) return true;
        var isDue = _mayBeCertified && (facts.IsIssuanceDue(now) || facts.IsCheckDue(now));
        if (isDue && parts.Authority.PauseAt(now) is null) return true;
        return parts.Store.StampOf(domain) != facts.Stamp;
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

    /// <summary>Of a domain whose certificate, if any, is put there by hand: it ends when it ends.</summary>
    private CertificateState StateByHand(DomainFacts facts, DateTimeOffset now)
    {
        if (facts.Certificate is not { } certificate)
            return CertificateState.None with { Failure = ExplainNone() };
        var isValid = now < certificate.NotAfter;
        return new CertificateState(
            isValid ? CertificateCondition.Valid : CertificateCondition.Failed,
            certificate.NotAfter,
            // By the time at which hotcore would renew another, its owner has to.
            Failure: isValid && now < facts.Record.RenewAt ? null : ExplainNone());
    }

    private string ExplainNone()
    {
        var reason = PublicNames.HasUnderscore(domain)
            ? $"no public CA certifies {domain}, which has an underscore: use a name without one"
            : $"no public CA certifies {domain}, which is not a name of the public DNS: use one that is";
        return $"{reason}, put a certificate of your own into {parts.Store.PathOf(domain)}, or name a CA that certifies it "
            + "(serve --acme-directory)";
    }

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
            var record = _facts.IsLoaded ? _facts.Record : parts.Records.Load(domain);
            var certificate = parts.Store.Load(domain);
            // Where it was set aside, there is none any more.
            var isThere = parts.Store.Has(domain);
            if (!isThere) stamp = parts.Store.StampOf(domain);
            _facts = _facts with { IsLoaded = true, Record = record, Certificate = null, Stamp = stamp };
            if (certificate is null)
            {
                if (!_mayBeCertified) TakeNone();
                return;
            }
            TakeIn(certificate, record);
            if (!isThere) RenewAtOnce();
        }
        catch (Exception failure)
        {
            // What cannot be read, or put in force, is issued anew once the wait is over.
            _facts = _facts with { IsLoaded = true };
            TakeFailure(failure);
        }
    }

    private void TakeNone()
    {
        parts.Log($"certificate of {domain}: none is asked for: {ExplainNone()}");
        _settled.TrySetResult();
    }

    /// <summary>For the certificate before, which serves in the place of a damaged one.</summary>
    private void RenewAtOnce()
    {
        var facts = _facts;
        _facts = facts with { Record = facts.Record with { RenewAt = parts.Clock.GetUtcNow() } };
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            LoadWhereChanged();
            var now = parts.Clock.GetUtcNow();
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

    private async Task IssueAsync(CancellationToken cancellation)
    {
        var facts = _facts;
        // Only a certificate that this CA has renewal information on is one of its own.
        var replaces = facts.Record.WindowStart is null ? null : facts.Certificate?.Id;
        var request = new IssuanceRequest(domain, replaces, facts.Record.PrefersTls);
        var issuance = await parts.Authority.IssueAsync(request, cancellation).ConfigureAwait(false);
        if (issuance is null) return;
        var certificate = issuance.Certificate;
        parts.Store.Save(certificate);
        _facts = facts with { Stamp = parts.Store.StampOf(domain) };
        TakeIn(certificate, RenewalRecord.Empty with { PrefersTls = issuance.Kind == ChallengeKind.Tls });
        parts.Log($"certificate of {domain}: issued, valid until {Shown(certificate.NotAfter)}");
        await CheckWindowAsync(parts.Clock.GetUtcNow(), cancellation).ConfigureAwait(false);
    }

    /// <summary>Puts a certificate in force, and settles when it is renewed, unless that is settled already.</summary>
    private void TakeIn(StoredCertificate certificate, RenewalRecord record)
    {
        var kept = new CertificateFacts(certificate.Id, certificate.NotBefore, certificate.NotAfter);
        if (record.NotAfter != kept.NotAfter || record.RenewAt is null)
        {
            record = RenewalRecord.Empty with
            {
                NotAfter = kept.NotAfter,
                RenewAt = RenewalSchedule.PickTime(kept.NotBefore, kept.NotAfter, Random.Shared),
                PrefersTls = record.PrefersTls,
            };
            parts.Records.Save(domain, record);
        }
        if (!_dropping.IsCancellationRequested) parts.Publish(domain, certificate);
        _facts = _facts with { Record = record, Certificate = kept, NextCheck = default };
        _settled.TrySetResult();
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
        _facts = _facts with { CheckedAt = now, NextCheck = now + wait };
    }

    private void TakeWindow(RenewalWindow window)
    {
        var facts = _facts;
        var record = facts.Record;
        if (record.WindowStart == window.Start && record.WindowEnd == window.End) return;
        var certificate = facts.Certificate!;
        var time =
            RenewalSchedule.PickTime(certificate.NotBefore, certificate.NotAfter, window, Random.Shared);
        record = record with { RenewAt = time, WindowStart = window.Start, WindowEnd = window.End };
        parts.Records.Save(domain, record);
        _facts = facts with { Record = record };
        if (window.Explanation is not null)
            parts.Log($"certificate of {domain}: the CA wants it renewed at {Shown(time)}; why: {window.Explanation}");
    }

    private void TakeFailure(Exception failure)
    {
        var record = _facts.Record;
        var now = parts.Clock.GetUtcNow();
        var failures = record.Failures + 1;
        var refusal = failure as AcmeFailure;
        var wait = RetrySchedule.WaitAfter(
            failures, refusal?.RetryAfter, refusal is { ConcernsAllDomains: true }, Random.Shared);
        var isExpected = failure is AcmeFailure or IOException or UnauthorizedAccessException;
        var words = isExpected ? failure.Message : $"{failure.GetType().Name}: {failure.Message}";
        record = record with { Failures = failures, FailedAt = now, NextTry = now + wait, Failure = words };
        _facts = _facts with { Record = record };
        parts.Records.Save(domain, record);
        parts.Log($"certificate of {domain}: {words}; tried again at {Shown(now + wait)}");
    }

    private static string Shown(DateTimeOffset time) => $"{time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}";
}

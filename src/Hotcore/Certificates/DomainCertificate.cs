using Hotcore.Certificates.Acme;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>
/// One domain's certificate: takes in what the disk holds, puts it in force, and keeps what is known of it, in memory and on
/// disk. Its job calls one method at a time, but for those that are of any thread.
/// </summary>
/// <param name="domain">The domain.</param>
/// <param name="parts">What it works with.</param>
internal sealed class DomainCertificate(DomainName domain, RenewalParts parts)
{
    private readonly Lock _loading = new();
    private readonly Lock _changing = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile DomainFacts _facts = new();
    private volatile bool _isDropped;

    /// <summary>Words it for people.</summary>
    public CertificateAdvice Advice { get; } = new(domain, parts);

    /// <summary>All that is known at this instant. Of any thread.</summary>
    public DomainFacts Facts => _facts;

    /// <summary>Completes when there is a certificate, or none for now.</summary>
    public Task Settled => _settled.Task;

    public void Settle() => _settled.TrySetResult();

    /// <summary>The domain is no longer mapped: nothing is put in force any more.</summary>
    public void Drop()
    {
        _isDropped = true;
        Settle();
    }

    /// <summary>Takes in what the disk holds, once. Blocks on it.</summary>
    public void LoadFirst()
    {
        lock (_loading)
        {
            if (!_facts.IsLoaded) Load();
        }
    }

    /// <summary>Takes in a file that is new, or another than before. Blocks on the disk.</summary>
    public void LoadWhereChanged()
    {
        lock (_loading)
        {
            var facts = _facts;
            if (facts.IsLoaded && parts.Store.StampOf(domain) == facts.Stamp) return;
            if (!facts.IsLoaded || !parts.Store.IsUnfinished(domain)) Load();
        }
    }

    private void Load()
    {
        try
        {
            // Read before the content: a file that changes in between is read once more.
            var stamp = parts.Store.StampOf(domain);
            var record = _facts.IsLoaded ? RenewalRecord.Empty : parts.Records.Load(domain).At(parts.Authority.Directory);
            if (!TryRead(stamp, record, out var certificate)) return;
            // Where it was set aside, there is none any more.
            var isThere = parts.Store.Has(domain);
            if (!isThere) stamp = parts.Store.StampOf(domain);
            Note(known => known with
            {
                IsLoaded = true,
                Record = known.IsLoaded ? known.Record : record,
                Certificate = null,
                Unreadable = null,
                Stamp = stamp,
            });
            if (certificate is not null) TakeIn(certificate, isStandIn: !isThere);
            else if (!parts.Authority.MayCertify(domain)) TakeNone();
        }
        catch (Exception failure)
        {
            // What cannot be read, or put in force, is issued anew once the wait is over.
            Note(known => known with { IsLoaded = true });
            TakeFailure(failure);
        }
    }

    /// <summary>False where there is a file that cannot be read: it may be the owner's, and what served goes on.</summary>
    private bool TryRead(FileStamp stamp, RenewalRecord record, out StoredCertificate? certificate)
    {
        try
        {
            certificate = parts.Store.Load(domain);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            var words = Advice.ExplainUnreadable(failure);
            if (_facts.Unreadable != words) parts.Log($"certificate of {domain}: {words}");
            Note(known => known with
            {
                IsLoaded = true,
                Record = known.IsLoaded ? known.Record : record,
                Unreadable = words,
                Stamp = stamp,
            });
            certificate = null;
            return false;
        }
    }

    private void TakeNone()
    {
        parts.Log($"certificate of {domain}: none is asked for: {Advice.ExplainNone()}");
        Settle();
    }

    /// <summary>Puts a certificate in force, and settles when it is renewed, unless that is settled already.</summary>
    public void TakeIn(StoredCertificate certificate, bool isStandIn)
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
        if (!_isDropped) parts.Publish(domain, certificate);
        Note(known => known with { Certificate = facts, IsStandIn = isStandIn, NextCheck = default });
        Settle();
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

    /// <summary>
    /// Remembers that the owner wants a new certificate now; or returns why there will be none. Of any thread; blocks on the disk.
    /// </summary>
    public string? TryAsk(DateTimeOffset now)
    {
        LoadFirst();
        lock (_changing)
        {
            var refusal = Advice.RefuseToRenew(_facts, now);
            if (refusal is null) Keep(record => record.WithoutFailure() with { AskedAt = now, IsAskedFor = true });
            return refusal;
        }
    }

    /// <summary>Changes what is remembered, on disk as well. Of any thread; blocks on the disk.</summary>
    public void Keep(Func<RenewalRecord, RenewalRecord> change)
    {
        lock (_changing)
        {
            var record = change(_facts.Record) with { Directory = parts.Authority.Directory };
            _facts = _facts with { Record = record };
            parts.Records.Save(domain, record);
        }
    }

    /// <summary>Changes what is known, in memory alone. Of any thread.</summary>
    public void Note(Func<DomainFacts, DomainFacts> change)
    {
        lock (_changing) _facts = change(_facts);
    }

    /// <summary>Remembers what failed, and when it is tried again.</summary>
    public void TakeFailure(Exception failure)
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

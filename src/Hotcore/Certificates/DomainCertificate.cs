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
            if (certificate is not null) TakeIn(certificate, known => known with { IsStandIn = !isThere });
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

    /// <summary>
    /// Puts in force what the CA has just issued, and the disk holds. What was asked for until now is done with it, and what was
    /// remembered of the one before is over. Blocks on the disk.
    /// </summary>
    /// <param name="certificate">The certificate.</param>
    /// <param name="kind">The challenge by which it came.</param>
    public void TakeIssued(StoredCertificate certificate, ChallengeKind kind)
    {
        var asked = _facts.Record.AskedAt;
        var stamp = parts.Store.StampOf(domain);
        Note(known => known with { Stamp = stamp });
        TakeIn(certificate, known => known with
        {
            IsStandIn = false,
            Record = RenewalRecord.Empty with
            {
                PrefersTls = kind == ChallengeKind.Tls,
                AskedAt = known.Record.AskedAt,
                // A wish that comes from here on is about this one.
                IsAskedFor = known.Record.IsAskedFor && known.Record.AskedAt != asked,
            },
        });
    }

    /// <summary>
    /// Puts a certificate in force, then says so, and settles when it is renewed, unless that is settled already. Where it cannot
    /// be put in force, the one before serves on, and all that is known is as it was.
    /// </summary>
    private void TakeIn(StoredCertificate certificate, Func<DomainFacts, DomainFacts> change)
    {
        if (!_isDropped) parts.Publish(domain, certificate);
        Change(known => Describe(change(known), certificate));
        Settle();
    }

    private DomainFacts Describe(DomainFacts known, StoredCertificate certificate)
    {
        var issuedBy = FindIssuer(known.Record, certificate);
        var issuer = issuedBy is null ? CertificateIssuer.Owner
            : issuedBy == parts.Authority.Directory ? CertificateIssuer.PresentCa
            : CertificateIssuer.FormerCa;
        return known with
        {
            Certificate = new CertificateFacts(certificate.Id, certificate.NotBefore, certificate.NotAfter, issuer),
            NextCheck = default,
            Record = RecordOf(certificate, issuedBy, known.Record),
        };
    }

    /// <summary>The record as it was where it is about that certificate already, so that nothing is written.</summary>
    private static RenewalRecord RecordOf(StoredCertificate certificate, string? issuedBy, RenewalRecord record)
    {
        var isOwners = issuedBy is null;
        var fingerprint = isOwners ? null : certificate.Fingerprint();
        var isAnother = record.NotAfter != certificate.NotAfter || record.RenewAt is null != isOwners
            || (record.Fingerprint ?? fingerprint) != fingerprint;
        if (!isAnother)
            return record.Fingerprint == fingerprint ? record : record with { IssuedBy = issuedBy, Fingerprint = fingerprint };
        return RenewalRecord.Empty with
        {
            NotAfter = certificate.NotAfter,
            IssuedBy = issuedBy,
            Fingerprint = fingerprint,
            RenewAt = isOwners ? null : RenewalSchedule.PickTime(certificate.NotBefore, certificate.NotAfter, Random.Shared),
            PrefersTls = record.PrefersTls,
            AskedAt = record.AskedAt,
            // Another file than the one that was to be replaced: the wish stands, but for what the owner has put there.
            IsAskedFor = record.IsAskedFor && !isOwners,
        };
    }

    /// <summary>
    /// The CA that issued a certificate to hotcore, or null. A file says so itself. An early version did not write that down; what
    /// its record says the CA has a window for was issued by that CA, which is remembered then, for there may be another CA later.
    /// The rest is taken for the owner's: to renew a certificate late, with a warning first, does less harm than to replace one
    /// that was paid for.
    /// </summary>
    private string? FindIssuer(RenewalRecord record, StoredCertificate certificate)
    {
        if (certificate.IssuedBy is not null) return certificate.IssuedBy;
        if (record.Fingerprint is not null) return record.Fingerprint == certificate.Fingerprint() ? record.IssuedBy : null;
        var hasWindow = record.NotAfter == certificate.NotAfter && record.WindowStart is not null;
        return hasWindow ? record.Directory ?? parts.Authority.Directory : null;
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
    public void Keep(Func<RenewalRecord, RenewalRecord> change) => Change(known => known with { Record = change(known.Record) });

    /// <summary>Changes what is known and what is remembered at once; on disk as well where that is another record.</summary>
    private void Change(Func<DomainFacts, DomainFacts> change)
    {
        lock (_changing)
        {
            var changed = change(_facts);
            var isSame = ReferenceEquals(changed.Record, _facts.Record);
            var record = isSame ? changed.Record : changed.Record with { Directory = parts.Authority.Directory };
            _facts = changed with { Record = record };
            if (!isSame) parts.Records.Save(domain, record);
        }
    }

    /// <summary>Changes what is known, in memory alone. Of any thread.</summary>
    public void Note(Func<DomainFacts, DomainFacts> change)
    {
        lock (_changing) _facts = change(_facts);
    }

    /// <summary>Remembers what failed, and when it is tried again.</summary>
    /// <param name="failure">What went wrong.</param>
    /// <param name="before">How many attempts had failed before; by default as many as the record says.</param>
    public void TakeFailure(Exception failure, int? before = null)
    {
        var now = parts.Clock.GetUtcNow();
        var failures = (before ?? _facts.Record.Failures) + 1;
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

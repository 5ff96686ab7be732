using Hotcore.Certificates.Acme;
using Hotcore.Mappings;

namespace Hotcore.Certificates;

/// <summary>Issues a certificate, or fails with <see cref="AcmeFailure"/>.</summary>
internal delegate Task<Issuance> IssueCertificate(IssuanceRequest request, CancellationToken cancellation);

/// <summary>Asks when to renew a certificate, by the CA's id for it; null where the CA has nothing to say.</summary>
internal delegate Task<RenewalWindow?> FetchWindow(string certificateId, CancellationToken cancellation);

/// <summary>
/// The CA as all domains share it: ten issuances at once, and none while it wants hotcore as a whole to wait, which
/// is remembered on disk. Of any thread.
/// </summary>
internal sealed class CertificateAuthority(
    Uri directory,
    IssueCertificate issue,
    FetchWindow fetchWindow,
    bool isPublic,
    RenewalRecords records,
    TimeProvider clock,
    Action<string> log)
    : IDisposable
{
    private const int AtOnce = 10;

    private readonly SemaphoreSlim _issuances = new(AtOnce);
    private readonly SemaphoreSlim _questions = new(AtOnce);
    private RenewalRecord _pause = records.LoadAuthority().At(directory.AbsoluteUri);

    /// <summary>The URL by which it is known.</summary>
    public string Directory { get; } = directory.AbsoluteUri;

    /// <summary>Whether it is asked for a domain's certificate; never where the answer is known.</summary>
    public bool MayCertify(DomainName domain) => !isPublic || PublicNames.Include(domain);

    /// <summary>Until when, and why, nothing is asked of the CA; it says nothing once that time is over.</summary>
    public RenewalRecord? PauseAt(DateTimeOffset now)
    {
        var pause = Volatile.Read(ref _pause);
        return pause.IsHeldBack(now) ? pause : null;
    }

    /// <summary>Waits for its turn, and issues; null where the CA wanted a pause meanwhile.</summary>
    /// <exception cref="AcmeFailure">Why there is no certificate.</exception>
    public async Task<Issuance?> IssueAsync(IssuanceRequest request, CancellationToken cancellation)
    {
        await _issuances.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (PauseAt(clock.GetUtcNow()) is not null) return null;
            return await issue(request, cancellation).ConfigureAwait(false);
        }
        catch (AcmeFailure failure) when (failure is { ConcernsAllDomains: true, RetryAfter: not null })
        {
            Pause(failure.Message, failure.RetryAfter.Value);
            throw;
        }
        finally
        {
            _issuances.Release();
        }
    }

    /// <exception cref="AcmeFailure">The CA cannot be asked.</exception>
    public async Task<RenewalWindow?> FetchWindowAsync(string certificateId, CancellationToken cancellation)
    {
        await _questions.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await fetchWindow(certificateId, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _questions.Release();
        }
    }

    public void Dispose()
    {
        _issuances.Dispose();
        _questions.Dispose();
    }

    private void Pause(string why, TimeSpan asked)
    {
        var now = clock.GetUtcNow();
        var until = now + RetrySchedule.WaitAfter(1, asked, concernsAllDomains: true, Random.Shared);
        var pause = new RenewalRecord { Directory = Directory, Failures = 1, FailedAt = now, NextTry = until, Failure = why };
        Volatile.Write(ref _pause, pause);
        records.SaveAuthority(pause);
        log($"certificates: the CA wants no requests until {until:yyyy-MM-dd'T'HH:mm:ss'Z'}: {why}");
    }
}

using System.Collections.Concurrent;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Local;

/// <summary>
/// The certificates of local mode, made when they are asked for, kept in memory, and made anew in time. May be used by
/// any thread.
/// </summary>
/// <param name="authority">Issues them; stays the caller's.</param>
/// <param name="clock">Tells when one is due.</param>
/// <param name="capacity">How many to keep. Anyone on this machine can ask for any number of names.</param>
internal sealed class LocalCertificates(
    LocalAuthority authority, TimeProvider clock, int capacity = LocalCertificates.DefaultCapacity)
{
    private const int DefaultCapacity = 10_000;

    private readonly ConcurrentDictionary<DomainName, Lazy<Task<LocalCertificate>>> _issued = [];

    /// <summary>
    /// Whether a domain gets a certificate of this machine's CA: a mapped one, and everything under <c>localhost</c>,
    /// so that what is not mapped yet is answered, too.
    /// </summary>
    public static bool MayIssue(DomainName domain, Func<DomainName, bool> isMapped)
    {
        var name = domain.ToString();
        return name == "localhost" || name.EndsWith(".localhost", StringComparison.Ordinal) || isMapped(domain);
    }

    /// <summary>
    /// The certificate of a domain, with at least a third of its time left. Is complete at once where there is one;
    /// else computes on the thread pool, once for all who ask meanwhile. Whoever may have one is up to the caller.
    /// </summary>
    /// <exception cref="InvalidOperationException">The CA has ended (from the task).</exception>
    public Task<LocalCertificate> EnsureAsync(DomainName domain)
    {
        if (_issued.TryGetValue(domain, out var known))
        {
            if (IsUsable(known.Value)) return known.Value;
            // Only the one that was looked at: by now another may be there.
            _issued.TryRemove(KeyValuePair.Create(domain, known));
        }
        // What is new is not looked at: of a CA that is about to end, no certificate is fresh.
        return _issued.GetOrAdd(domain, Begin).Value;
    }

    private Lazy<Task<LocalCertificate>> Begin(DomainName domain)
    {
        // Rarely so many: then all begin anew, which takes less than to keep account of who was asked for when.
        if (_issued.Count >= capacity) _issued.Clear();
        return new Lazy<Task<LocalCertificate>>(() => Task.Run(() => authority.Issue(domain)));
    }

    private bool IsUsable(Task<LocalCertificate> issued) =>
        !issued.IsCompleted || (issued.IsCompletedSuccessfully && issued.Result.IsFreshAt(clock.GetUtcNow()));
}

using System.Globalization;
using Hotcore.Certificates;
using Hotcore.Logs;
using Hotcore.Mappings;
using Hotcore.Tls;

namespace Hotcore;

/// <summary>
/// What HTTPS consists of, whichever CA the certificates come from: what handshakes choose from, and what plain HTTP and the
/// status need to know.
/// </summary>
internal abstract class Https : IAsyncDisposable
{
    /// <exception cref="TlsUnavailableException">There is no usable OpenSSL.</exception>
    protected Https(TlsChallenges? challenges, TimeProvider clock, Action<string> log)
    {
        Selector = new CertificateSelector(challenges, log);
        Tls = new TlsContext(Selector.Choose, Selector.Await, clock);
    }

    public CertificateSelector Selector { get; }

    public TlsContext Tls { get; }

    /// <summary>What a CA may ask for over plain HTTP, where there is such a CA.</summary>
    public virtual HttpChallenges? Challenges => null;

    /// <summary>Whether plain HTTP gives way to HTTPS where there is a certificate.</summary>
    public abstract bool Redirects { get; }

    /// <summary>Completes when what is on disk is in force.</summary>
    public abstract Task LoadAsync();

    /// <summary>After <see cref="LoadAsync"/>: obtains what is missing, and renews, from now on.</summary>
    public virtual void Begin()
    {
        // Unless there is a CA elsewhere, there is nothing to obtain.
    }

    /// <summary>
    /// Obtains and renews nothing any more: from then on another process may. What is there goes on to be served. Completes when
    /// all that was under way has ended.
    /// </summary>
    public virtual Task LetGoAsync() => Task.CompletedTask;

    /// <summary>Obtains and renews again, after <see cref="LetGoAsync"/>.</summary>
    /// <exception cref="IOException">The folder of certificates cannot be used.</exception>
    public virtual Task TakeBackAsync() => Task.CompletedTask;

    /// <summary>Any thread, quick: a mapping was made, or is gone.</summary>
    public abstract void Follow(MappingChange change);

    /// <summary>
    /// Any thread but a loop's, for it may wait for the disk: asks for a new certificate, with a new key, in the place of the one
    /// that serves. Null where that is accepted, and will be done whatever happens; else why not, and what would help.
    /// </summary>
    public abstract string? Renew(DomainName domain);

    /// <summary>Any thread: what status says of a domain's certificate, as in <c>valid until … renews …</c>.</summary>
    public abstract CertificateWords Describe(DomainName domain);

    /// <summary>Any thread: whether the owner has to look at a domain's certificate.</summary>
    public abstract bool NeedsAttention(DomainName domain);

    public abstract ValueTask DisposeAsync();

    protected static string Format(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}

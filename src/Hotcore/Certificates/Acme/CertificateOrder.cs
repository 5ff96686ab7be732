using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>
/// One order for one domain, proven by one kind of challenge (RFC 8555 7.4). Its steps:
/// 1. order, 2. prove each authorization that is still pending, 3. wait until the order is ready, 4. send the
/// certificate request, 5. wait until the certificate is made, 6. download it and check that it is what was ordered.
/// </summary>
internal sealed class CertificateOrder(
    AcmeAccount account,
    AcmeSettings settings,
    ChallengeBoards boards,
    TimeProvider clock,
    DomainName domain,
    ChallengeKind kind)
{
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(5);

    private readonly DateTimeOffset _deadline = clock.GetUtcNow() + settings.Patience;

    /// <summary>Obtains the certificate, with a fresh key.</summary>
    /// <param name="directory">The CA's.</param>
    /// <param name="replaces">The certificate that this one is for the renewal of, in the CA's words, or null.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="AcmeFailure">Why there is none.</exception>
    public async Task<StoredCertificate> ObtainAsync(
        AcmeDirectory directory, string? replaces, CancellationToken cancellation)
    {
        var made = await OrderAsync(directory, replaces, cancellation).ConfigureAwait(false);
        var url = made.Location ?? throw new AcmeFailure("the CA took an order and did not say where it is");
        var order = made.Read(AcmeJson.Default.OrderDocument, "an order");
        foreach (var authorization in order.Authorizations ?? [])
        {
            await ProveAsync(authorization, cancellation).ConfigureAwait(false);
        }
        order = await PollOrderAsync(url, "pending", cancellation).ConfigureAwait(false);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (order.Status == "ready") await FinalizeAsync(order, key, cancellation).ConfigureAwait(false);
        order = await PollOrderAsync(url, "processing", cancellation).ConfigureAwait(false);
        return await DownloadAsync(order.Certificate, key, cancellation).ConfigureAwait(false);
    }

    private async Task<AcmeAnswer> OrderAsync(AcmeDirectory directory, string? replaces, CancellationToken cancellation)
    {
        var request = new OrderRequest([new IdentifierDocument("dns", domain.ToString())], replaces);
        var payload = JsonSerializer.SerializeToUtf8Bytes(request, AcmeJson.Default.OrderRequest);
        try
        {
            return await account.PostAsync(directory.NewOrder, payload, domain, cancellation).ConfigureAwait(false);
        }
        catch (AcmeFailure failure) when (replaces is not null && failure.Problem is
            "alreadyReplaced" or "malformed" or "unauthorized" or "conflict")
        {
            // What the order was to replace is not the CA's affair any more: an order it is all the same.
            return await OrderAsync(directory, null, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ProveAsync(string? url, CancellationToken cancellation)
    {
        var authorization = await ReadAuthorizationAsync(url, cancellation).ConfigureAwait(false);
        if (authorization.Status == "valid") return;
        var challenge = Pick(authorization);
        var token = challenge.Token!;
        var keyAuthorization = account.Key.AuthorizeKey(token);
        boards.Put(domain, kind, token, keyAuthorization);
        var look = Task.FromResult<string?>(null);
        if (kind == ChallengeKind.Http) look = boards.Look(domain, token, keyAuthorization);
        try
        {
            var ready = "{}"u8.ToArray();
            await account.PostAsync(challenge.Url, ready, domain, cancellation).ConfigureAwait(false);
            await AwaitValidityAsync(url, look, cancellation).ConfigureAwait(false);
        }
        finally
        {
            boards.Remove(domain, kind, token);
        }
    }

    private ChallengeDocument Pick(AuthorizationDocument authorization)
    {
        var name = kind == ChallengeKind.Http ? "http-01" : "tls-alpn-01";
        var challenge = authorization.Challenges?.FirstOrDefault(offered => offered?.Type == name);
        if (challenge is null)
            throw new AcmeFailure($"the CA offers no {name} for {domain}") { MayPassOtherwise = true };
        var isToken = challenge.Token is { Length: > 0 and <= 256 } token
            && !token.AsSpan().ContainsAnyExcept(TokenCharacters);
        return isToken ? challenge : throw new AcmeFailure($"the CA's token for {domain} is none");
    }

    private async Task AwaitValidityAsync(string? url, Task<string?> look, CancellationToken cancellation)
    {
        var authorization = await PollAsync(
            () => account.FetchAsync(url, domain, cancellation),
            answer => answer.Read(AcmeJson.Default.AuthorizationDocument, "an authorization"),
            document => document.Status == "pending",
            cancellation).ConfigureAwait(false);
        if (authorization.Status == "valid") return;
        var problem = authorization.Challenges?.FirstOrDefault(tried => tried?.Error is not null)?.Error;
        var words = Problem.Explain(problem, domain, byTls: kind == ChallengeKind.Tls);
        var hint = await look.ConfigureAwait(false);
        throw new AcmeFailure(hint is null ? words : $"{words}. From here, {hint}")
        {
            Problem = Problem.TypeOf(problem),
            MayPassOtherwise = Problem.MayPassOtherwise(problem),
        };
    }

    private async Task FinalizeAsync(OrderDocument order, ECDsa key, CancellationToken cancellation)
    {
        var csr = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(domain.ToString());
        csr.CertificateExtensions.Add(names.Build());
        var request = new FinalizeRequest(Base64Url.EncodeToString(csr.CreateSigningRequest()));
        var payload = JsonSerializer.SerializeToUtf8Bytes(request, AcmeJson.Default.FinalizeRequest);
        await account.PostAsync(order.Finalize, payload, domain, cancellation).ConfigureAwait(false);
    }

    private async Task<StoredCertificate> DownloadAsync(string? url, ECDsa key, CancellationToken cancellation)
    {
        var answer = await account.FetchAsync(url, domain, cancellation).ConfigureAwait(false);
        if (answer.ContentType != "application/pem-certificate-chain")
            throw new AcmeFailure($"the CA sent {answer.Describe()} where a certificate was due");
        var pem = Encoding.UTF8.GetBytes(
            $"{Encoding.UTF8.GetString(answer.Body).Trim()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
        if (!StoredCertificate.TryParse(pem, domain, out var certificate, out var error))
            throw new AcmeFailure($"the CA's certificate for {domain} cannot be used: {error}");
        if (certificate!.IsExpired(clock.GetUtcNow()))
            throw new AcmeFailure($"the CA's certificate for {domain} has expired already: check this machine's clock");
        return certificate;
    }

    private async Task<AuthorizationDocument> ReadAuthorizationAsync(string? url, CancellationToken cancellation)
    {
        var answer = await account.FetchAsync(url, domain, cancellation).ConfigureAwait(false);
        return answer.Read(AcmeJson.Default.AuthorizationDocument, "an authorization");
    }

    private async Task<OrderDocument> PollOrderAsync(string url, string waiting, CancellationToken cancellation)
    {
        var order = await PollAsync(
            () => account.FetchAsync(url, domain, cancellation),
            answer => answer.Read(AcmeJson.Default.OrderDocument, "an order"),
            // An order that was just finalized may still call itself ready for a moment.
            document => document.Status == waiting || (waiting == "processing" && document.Status == "ready"),
            cancellation).ConfigureAwait(false);
        if (order.Status is "ready" or "processing" or "valid") return order;
        var words = Problem.Explain(order.Error, domain, byTls: kind == ChallengeKind.Tls);
        throw new AcmeFailure($"the order for {domain} failed: {words}")
        {
            Problem = Problem.TypeOf(order.Error),
        };
    }

    /// <summary>Asks again and again, as often as the CA likes, until a document is no longer waiting.</summary>
    private async Task<T> PollAsync<T>(
        Func<Task<AcmeAnswer>> ask, Func<AcmeAnswer, T> read, Predicate<T> isWaiting, CancellationToken cancellation)
    {
        var interval = settings.PollInterval;
        while (true)
        {
            var answer = await ask().ConfigureAwait(false);
            var document = read(answer);
            if (!isWaiting(document)) return document;
            var wait = answer.RetryAfter ?? interval;
            if (wait < settings.PollInterval) wait = settings.PollInterval;
            if (clock.GetUtcNow() + wait > _deadline)
                throw settings.OutOfPatience(domain);
            await Task.Delay(wait, clock, cancellation).ConfigureAwait(false);
            interval = interval * 2 < LongestPoll ? interval * 2 : LongestPoll;
        }
    }
}

namespace Hotcore.Certificates.Acme;

/// <summary>
/// A CA that speaks ACME (RFC 8555): issues certificates for domains that lead here, and says when to renew them
/// (RFC 9773). Of any thread; nothing here runs on a loop.
/// </summary>
internal sealed class AcmeClient : IDisposable
{
    private readonly AcmeSettings _settings;
    private readonly ChallengeBoards _boards;
    private readonly TimeProvider _clock;
    private readonly AcmeAccount _account;

    /// <param name="settings">Which CA.</param>
    /// <param name="folder">Where the account's key is kept; made by <see cref="CertificateStore"/>.</param>
    /// <param name="boards">Where the CA will look.</param>
    /// <param name="clock">Tells the time.</param>
    /// <param name="log">Takes what happens to the account.</param>
    /// <exception cref="AcmeFailure">The extra roots cannot be read.</exception>
    public AcmeClient(
        AcmeSettings settings, string folder, ChallengeBoards boards, TimeProvider clock, Action<string> log)
    {
        _settings = settings;
        _boards = boards;
        _clock = clock;
        _account = new AcmeAccount(settings, folder, clock, log);
    }

    /// <summary>Obtains a certificate by the first kind of challenge, and where that fails by the second.</summary>
    /// <exception cref="AcmeFailure">Why there is none.</exception>
    public async Task<Issuance> IssueAsync(IssuanceRequest request, CancellationToken cancellation)
    {
        var first = request.PrefersTls ? ChallengeKind.Tls : ChallengeKind.Http;
        var second = request.PrefersTls ? ChallengeKind.Http : ChallengeKind.Tls;
        try
        {
            return await IssueAsync(request, first, cancellation).ConfigureAwait(false);
        }
        catch (AcmeFailure failure) when (failure.MayPassOtherwise)
        {
            return await IssueOtherwiseAsync(request, second, failure, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>When the CA would like a certificate to be renewed; null where it has nothing to say.</summary>
    /// <exception cref="AcmeFailure">It cannot be asked, or answers something else.</exception>
    public async Task<RenewalWindow?> FetchWindowAsync(string certificateId, CancellationToken cancellation)
    {
        var answer = await _account.GetRenewalInfoAsync(certificateId, cancellation).ConfigureAwait(false);
        if (answer is null) return null;
        if (!answer.IsSuccess)
        {
            var words = $"the CA has no renewal information ({answer.Describe()})";
            throw new AcmeFailure(words) { RetryAfter = answer.RetryAfter };
        }
        var document = answer.Read(AcmeJson.Default.RenewalInfoDocument, "for renewal information");
        if (document.SuggestedWindow is not { } window || window.Start >= window.End)
            throw new AcmeFailure("the CA's renewal information has no window that could be used");
        var why = document.ExplanationUrl is null ? null : Problem.Tidy(document.ExplanationUrl);
        return new RenewalWindow(window.Start, window.End, answer.RetryAfter, why);
    }

    public void Dispose() => _account.Dispose();

    private async Task<Issuance> IssueOtherwiseAsync(
        IssuanceRequest request, ChallengeKind kind, AcmeFailure first, CancellationToken cancellation)
    {
        try
        {
            return await IssueAsync(request, kind, cancellation).ConfigureAwait(false);
        }
        catch (AcmeFailure second)
        {
            var isSame = second.Message == first.Message;
            var words = isSame ? first.Message : $"{first.Message}; and then {second.Message}";
            throw new AcmeFailure(words, second)
            {
                Problem = second.Problem,
                RetryAfter = second.RetryAfter,
                ConcernsAllDomains = second.ConcernsAllDomains,
            };
        }
    }

    private async Task<Issuance> IssueAsync(
        IssuanceRequest request, ChallengeKind kind, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(_settings.Patience);
        try
        {
            return await OrderAsync(request, kind, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
        {
            throw _settings.OutOfPatience(request.Domain, late);
        }
    }

    private async Task<Issuance> OrderAsync(
        IssuanceRequest request, ChallengeKind kind, CancellationToken cancellation)
    {
        var directory = await _account.OpenAsync(request.Domain, cancellation).ConfigureAwait(false);
        var order = new CertificateOrder(_account, _settings, _boards, _clock, request.Domain, kind);
        var replaces = directory.RenewalInfo is null ? null : request.Replaces;
        var certificate =
            await order.ObtainAsync(directory, replaces, cancellation).ConfigureAwait(false);
        return new Issuance(certificate, kind);
    }
}

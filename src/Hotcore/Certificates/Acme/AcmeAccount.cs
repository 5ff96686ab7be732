using System.Collections.Concurrent;
using System.Text.Json;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>
/// hotcore's account at one CA, and the signed requests it makes: the directory, nonces, and the account itself are
/// fetched when first needed and renewed when the CA no longer knows them. Of any thread.
/// </summary>
internal sealed class AcmeAccount : IDisposable
{
    // With one in five nonces rejected, which is pebble's worst, one request in five million fails.
    private const int MaxTries = 10;
    private const int MaxSpareNonces = 32;
    private static readonly TimeSpan DirectoryLifetime = TimeSpan.FromHours(12);

    private readonly AcmeSettings _settings;
    private readonly AcmeConnection _connection;
    private readonly AccountFile _file;
    private readonly TimeProvider _clock;
    private readonly Action<string> _log;
    private readonly ConcurrentStack<string> _nonces = [];
    private readonly SemaphoreSlim _settingUp = new(1);
    private AcmeDirectory? _directory;
    private DateTimeOffset _directoryFetchedAt;
    private AccountKey? _key;
    private string? _url;

    public AcmeAccount(AcmeSettings settings, string folder, TimeProvider clock, Action<string> log)
    {
        _settings = settings;
        _connection = new AcmeConnection(settings, clock);
        _file = new AccountFile(folder, settings.Directory, clock, log);
        _clock = clock;
        _log = log;
    }

    /// <summary>The account's key, once <see cref="OpenAsync"/> has returned.</summary>
    public AccountKey Key => _key ?? throw new InvalidOperationException("the account is not open");

    /// <summary>Has the directory, and the account registered, by a key that is on disk before that.</summary>
    /// <exception cref="AcmeFailure">The CA refuses, or cannot be asked.</exception>
    public async Task<AcmeDirectory> OpenAsync(DomainName domain, CancellationToken cancellation)
    {
        await _settingUp.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var directory = await FetchDirectoryAsync(cancellation).ConfigureAwait(false);
            if (_key is null) (_key, _url) = _file.LoadOrCreate();
            if (_url is null) await RegisterAsync(directory, _key, domain, cancellation).ConfigureAwait(false);
            return directory;
        }
        finally
        {
            _settingUp.Release();
        }
    }

    /// <summary>The renewal information of a certificate; null where the CA has none.</summary>
    /// <exception cref="AcmeFailure">The CA cannot be asked.</exception>
    public async Task<AcmeAnswer?> GetRenewalInfoAsync(string certificateId, CancellationToken cancellation)
    {
        string? url;
        await _settingUp.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            url = (await FetchDirectoryAsync(cancellation).ConfigureAwait(false)).RenewalInfo;
        }
        finally
        {
            _settingUp.Release();
        }
        if (url is null) return null;
        return await _connection.GetAsync($"{url.TrimEnd('/')}/{certificateId}", cancellation).ConfigureAwait(false);
    }

    /// <summary>Asks for a document (POST-as-GET, RFC 8555 6.3).</summary>
    public Task<AcmeAnswer> FetchAsync(string? url, DomainName domain, CancellationToken cancellation) =>
        PostAsync(url, default, domain, cancellation);

    /// <summary>Sends a payload, signed by the account. An account that the CA forgot is made anew, once.</summary>
    /// <exception cref="AcmeFailure">The CA refuses, or cannot be asked.</exception>
    public async Task<AcmeAnswer> PostAsync(
        string? url, ReadOnlyMemory<byte> payload, DomainName domain, CancellationToken cancellation)
    {
        if (url is null) throw new AcmeFailure("the CA left out a URL that it has to give");
        var account = _url;
        var answer = await SendAsync(url, account, payload, cancellation).ConfigureAwait(false);
        if (Problem.TypeOf(answer.ReadProblem()) == "accountDoesNotExist")
        {
            _log("the CA has forgotten this hotcore's account: it is made anew");
            Interlocked.CompareExchange(ref _url, null, account);
            await OpenAsync(domain, cancellation).ConfigureAwait(false);
            answer = await SendAsync(url, _url, payload, cancellation).ConfigureAwait(false);
        }
        return answer.IsSuccess ? answer : throw Refusal(answer, domain, isForAccount: false);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _key?.Dispose();
        _settingUp.Dispose();
    }

    /// <summary>The CA answers with the account of this key, where it has one already (RFC 8555 7.3.1).</summary>
    private async Task RegisterAsync(
        AcmeDirectory directory, AccountKey key, DomainName domain, CancellationToken cancellation)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(new AccountRequest(true), AcmeJson.Default.AccountRequest);
        var answer = await SendAsync(directory.NewAccount, null, payload, cancellation).ConfigureAwait(false);
        if (!answer.IsSuccess) throw Refusal(answer, domain, isForAccount: true);
        var url = answer.Location ?? throw new AcmeFailure("the CA made an account and did not say where it is");
        _file.Save(key, url);
        _url = url;
        _log($"the account at the CA is {Problem.Tidy(url)}");
    }

    private async Task<AcmeDirectory> FetchDirectoryAsync(CancellationToken cancellation)
    {
        var now = _clock.GetUtcNow();
        var isFresh = _directoryFetchedAt <= now && now < _directoryFetchedAt + DirectoryLifetime;
        if (_directory is not null && isFresh) return _directory;
        var url = _settings.Directory;
        _directory = await AcmeDirectory.FetchAsync(_connection, url, cancellation).ConfigureAwait(false);
        _directoryFetchedAt = now;
        return _directory;
    }

    private async Task<AcmeAnswer> SendAsync(
        string url, string? account, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        string? nonce = null;
        for (var tries = 1; ; tries++)
        {
            nonce ??= await TakeNonceAsync(cancellation).ConfigureAwait(false);
            var signed = Key.Sign(url, nonce, account, payload.Span);
            var answer = await _connection.PostAsync(url, signed, cancellation).ConfigureAwait(false);
            var isNonceBad = !answer.IsSuccess && Problem.TypeOf(answer.ReadProblem()) == "badNonce";
            if (!isNonceBad || tries == MaxTries)
            {
                KeepNonce(answer);
                return answer;
            }
            // The one that comes with the refusal is fresh; a spare one may be as stale as this was.
            nonce = answer.Nonce;
        }
    }

    private async Task<string> TakeNonceAsync(CancellationToken cancellation)
    {
        if (_nonces.TryPop(out var spare)) return spare;
        var answer = await _connection.HeadAsync(_directory!.NewNonce, cancellation).ConfigureAwait(false);
        if (answer is { IsSuccess: true, Nonce: { } nonce }) return nonce;
        throw new AcmeFailure($"the CA gives no nonce ({answer.Describe()})")
        {
            RetryAfter = answer.RetryAfter,
            ConcernsAllDomains = answer.RetryAfter is not null,
        };
    }

    private void KeepNonce(AcmeAnswer answer)
    {
        if (answer.Nonce is not null && _nonces.Count < MaxSpareNonces) _nonces.Push(answer.Nonce);
    }

    private static AcmeFailure Refusal(AcmeAnswer answer, DomainName domain, bool isForAccount)
    {
        var problem = answer.ReadProblem();
        var type = Problem.TypeOf(problem);
        var isLimited = type == "rateLimited" && (isForAccount || Problem.IsOfAccount(problem, domain));
        var words = problem is null
            ? $"the CA answered with {answer.Describe()}"
            : Problem.Explain(problem, domain, byTls: false);
        return new AcmeFailure(words)
        {
            Problem = type,
            RetryAfter = answer.RetryAfter,
            ConcernsAllDomains = answer.RetryAfter is not null && (answer.Status == 503 || isLimited),
        };
    }
}

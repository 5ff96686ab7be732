using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.Certificates.Acme;

/// <summary>
/// Requests to the CA over HTTP: bounded in time and size, no redirects followed (RFC 8555 has none). Of any thread.
/// </summary>
internal sealed class AcmeConnection : IDisposable
{
    private const int MaxBodyBytes = 512 * 1024;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly TimeProvider _clock;
    private readonly X509Certificate2Collection _extraRoots = [];
    private readonly HttpClient _client;

    /// <exception cref="AcmeFailure">The extra roots cannot be read.</exception>
    public AcmeConnection(AcmeSettings settings, TimeProvider clock)
    {
        _clock = clock;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = settings.RequestTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            MaxResponseHeadersLength = 64,
        };
        if (settings.ExtraRootsFile is not null)
        {
            ReadExtraRoots(settings.ExtraRootsFile);
            handler.SslOptions.RemoteCertificateValidationCallback = IsTrusted;
        }
        _client = new HttpClient(handler)
        {
            Timeout = settings.RequestTimeout,
            MaxResponseContentBufferSize = MaxBodyBytes,
        };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("hotcore", Build.Version));
        // RFC 8555 6.1 wants a language; the CA's words go into English ones.
        _client.DefaultRequestHeaders.AcceptLanguage.Add(new StringWithQualityHeaderValue("en"));
    }

    public Task<AcmeAnswer> GetAsync(string url, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, url, null, cancellation);

    public Task<AcmeAnswer> HeadAsync(string url, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Head, url, null, cancellation);

    public Task<AcmeAnswer> PostAsync(string url, byte[] signed, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, url, signed, cancellation);

    public void Dispose()
    {
        _client.Dispose();
        foreach (var root in _extraRoots) root.Dispose();
    }

    /// <exception cref="AcmeFailure">No answer, or one too large.</exception>
    private async Task<AcmeAnswer> SendAsync(
        HttpMethod method, string url, byte[]? signed, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, ReadUrl(url));
        if (signed is not null)
        {
            request.Content = new ByteArrayContent(signed);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/jose+json");
        }
        try
        {
            // Reads the whole body, and gives up beyond the bound.
            using var response = await _client.SendAsync(request, cancellation).ConfigureAwait(false);
            return await TakeInAsync(response, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            throw new AcmeFailure(
                $"the CA at {request.RequestUri!.Authority} cannot be asked: {Reason(failure)}", failure);
        }
        catch (OperationCanceledException failure) when (!cancellation.IsCancellationRequested)
        {
            throw new AcmeFailure($"the CA at {request.RequestUri!.Authority} does not answer in time", failure);
        }
    }

    private async Task<AcmeAnswer> TakeInAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var status = (int)response.StatusCode;
        var location = Field(response, "Location");
        if (status is >= 300 and <= 399)
            throw new AcmeFailure($"the CA redirects to {Problem.Tidy(location ?? "nowhere")}, which a CA does not do: "
                + "check the URL of its directory");
        var body = await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
        var contentType = response.Content.Headers.ContentType?.MediaType?.ToLowerInvariant() ?? "";
        var retryAfter = RetryAfter.Parse(Field(response, "Retry-After"), _clock.GetUtcNow());
        return new AcmeAnswer(status, contentType, body, location, Field(response, "Replay-Nonce"), retryAfter);
    }

    private static string? Field(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) ? values.First() : null;

    private static Uri ReadUrl(string url)
    {
        var isUsable = Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https";
        return isUsable ? parsed! : throw new AcmeFailure($"the CA names a URL that is none: {Problem.Tidy(url)}");
    }

    private static string Reason(Exception failure)
    {
        if (failure is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded })
            return "its answer is too large";
        if (failure.InnerException is AuthenticationException untrusted)
            return "its TLS certificate is not trusted: " + untrusted.Message;
        return Problem.Tidy(failure.InnerException?.Message ?? failure.Message);
    }

    private void ReadExtraRoots(string file)
    {
        try
        {
            _extraRoots.ImportFromPemFile(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new AcmeFailure($"the roots for the CA's TLS cannot be read from {file}: {failure.Message}", failure);
        }
        if (_extraRoots.Count == 0) throw new AcmeFailure($"{file} holds no certificate in PEM");
    }

    /// <summary>What the system trusts, and else what leads to one of the extra roots.</summary>
    private bool IsTrusted(object sender, X509Certificate? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None) return true;
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is null) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_extraRoots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (presented is not null) chain.ChainPolicy.ExtraStore.AddRange(presented.ChainPolicy.ExtraStore);
        using var leaf = new X509Certificate2(certificate);
        return chain.Build(leaf);
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Certificates.Acme;

/// <summary>
/// A cheap look at a domain from here: does its name resolve, and does a token of ours come back through it? The CA
/// looks from elsewhere, so that this is a hint for people and never decides anything.
/// </summary>
internal static class DomainLook
{
    private const int MaxAnswerBytes = 1024;
    private static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(2);

    /// <summary>What looks wrong, in words for people; null where all looks well. Throws nothing.</summary>
    public static Task<string?> LookAsync(DomainName domain, string token, string keyAuthorization) =>
        LookAsync(domain, 80, token, keyAuthorization, UsualPatience);

    /// <inheritdoc cref="LookAsync(DomainName, string, string)"/>
    internal static async Task<string?> LookAsync(
        DomainName domain, int port, string token, string keyAuthorization, TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit);
        try
        {
            await Dns.GetHostAddressesAsync(domain.ToString(), patience.Token).ConfigureAwait(false);
            var url = new Uri($"http://{domain}:{port}{HttpChallenges.PathPrefix}{token}");
            var answer = await FetchAsync(url, patience.Token).ConfigureAwait(false);
            return answer.AsSpan().SequenceEqual(Encoding.ASCII.GetBytes(keyAuthorization)) ? null : Elsewhere(domain);
        }
        catch (SocketException)
        {
            return $"{domain} has no address in DNS";
        }
        catch (HttpRequestException failure)
        {
            var isAnswered = failure.HttpRequestError
                is not (HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);
            return isAnswered ? Elsewhere(domain) : $"nothing answers at http://{domain}";
        }
        catch (OperationCanceledException)
        {
            return $"nothing answers at http://{domain} within {limit.TotalSeconds:0} s";
        }
    }

    private static async Task<byte[]> FetchAsync(Uri url, CancellationToken patience)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, MaxAutomaticRedirections = 3 };
        // The CA does not check certificates on its way either (RFC 8555 8.3), and nothing here is secret.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var client = new HttpClient(handler) { MaxResponseContentBufferSize = MaxAnswerBytes };
        return await client.GetByteArrayAsync(url, patience).ConfigureAwait(false);
    }

    private static string Elsewhere(DomainName domain) => $"another server than this one answers at http://{domain}";
}

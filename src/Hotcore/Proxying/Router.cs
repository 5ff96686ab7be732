using System.Text;
using Hotcore.Certificates;
using Hotcore.Http;
using Hotcore.Loops;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// Decides what becomes of a request: whether it is hotcore's own to answer, and otherwise which mapping it follows. Looks into
/// immutable snapshots only, without a lock; shared by all loops.
/// </summary>
internal sealed class Router(MappingTable mappings, HttpChallenges? challenges, HttpsUpgrade upgrade)
{
    /// <summary>Serves an exchange whose request head is complete; true when the client may send another request.</summary>
    public LoopTask<bool> ServeAsync(Exchange exchange)
    {
        var (client, request) = (exchange.Client, exchange.Request);
        if (FindChallenge(request) is { } challenge)
            return exchange.AnswerAsync(challenge);
        if (client.IsSecure && IsMisdirected(request, client.ServerName))
            return exchange.AnswerAsync(ErrorPage.Misdirected);
        if (mappings.Snapshot.Find(request.Host) is not { } mapping)
            return exchange.AnswerAsync(ErrorPage.UnknownDomain(Encoding.ASCII.GetString(request.Host)));
        return client.MissesTls || (!client.IsSecure && upgrade.Wants(request, mapping, client.Forwarded))
            ? exchange.AnswerAsync(upgrade.Redirect(request, mapping))
            : Forwarder.ForwardAsync(exchange, mapping);
    }

    /// <summary>Whether its domain leads where <paramref name="mapping"/> says still.</summary>
    public bool IsInForce(Mapping mapping) => ReferenceEquals(mappings.Snapshot.Find(mapping.DomainBytes), mapping);

    /// <summary>
    /// The answer to a CA that validates a domain (RFC 8555 8.3); it comes before everything else. Over plain HTTP, and over TLS
    /// too, by whatever name: the CA follows redirects, and an edge before hotcore may redirect all of HTTP.
    /// </summary>
    private OwnAnswer? FindChallenge(RequestHead request)
    {
        var prefix = "/.well-known/acme-challenge/"u8;
        if (challenges is null || !request.Target.StartsWith(prefix)
            || !challenges.TryFind(request.Target[prefix.Length..], out var keyAuthorization))
            return null;
        return new OwnAnswer(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {keyAuthorization!.Length}\r\n\r\n",
            keyAuthorization);
    }

    /// <summary>Whether the request is for another host than its TLS connection was made for (RFC 9110 15.5.20).</summary>
    private static bool IsMisdirected(RequestHead request, ReadOnlySpan<byte> serverName)
    {
        if (serverName.EndsWith("."u8))
            serverName = serverName[..^1];
        return !Ascii.EqualsIgnoreCase(request.Host, serverName);
    }
}

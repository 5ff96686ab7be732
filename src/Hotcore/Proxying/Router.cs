using System.Text;
using Hotcore.Certificates;
using Hotcore.Http;
using Hotcore.Mappings;

namespace Hotcore.Proxying;

/// <summary>
/// Decides what becomes of a request: whether it is hotcore's own to answer, and otherwise which mapping it follows. Looks into
/// immutable snapshots only, without a lock; shared by all loops.
/// </summary>
internal sealed class Router(MappingTable mappings, HttpChallenges? challenges, HttpsUpgrade upgrade)
{
    public HttpsUpgrade Upgrade => upgrade;

    /// <summary>Finds the mapping of the request's domain, in the newest snapshot.</summary>
    public Mapping? Find(RequestHead request) => mappings.Snapshot.Find(request.Host);

    /// <summary>The answer to a CA that validates a domain over plain HTTP (RFC 8555 8.3); it comes before everything else.</summary>
    public bool TryAnswerChallenge(RequestHead request, out byte[]? keyAuthorization)
    {
        keyAuthorization = null;
        var prefix = "/.well-known/acme-challenge/"u8;
        return challenges is not null && request.Target.StartsWith(prefix)
            && challenges.TryFind(request.Target[prefix.Length..], out keyAuthorization);
    }

    /// <summary>Whether the request is for another host than its TLS connection was made for (RFC 9110 15.5.20).</summary>
    public static bool IsMisdirected(RequestHead request, ReadOnlySpan<byte> serverName)
    {
        if (serverName.EndsWith("."u8))
            serverName = serverName[..^1];
        return !Ascii.EqualsIgnoreCase(request.Host, serverName);
    }
}

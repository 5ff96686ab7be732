using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Hotcore.Certificates;

/// <summary>
/// The tokens that a CA may ask for on port 80 (RFC 8555 8.3), or where that redirects to, and what to answer. Read by the loops without a lock
/// and without allocating; written by the issuances, from any thread.
/// </summary>
internal sealed class HttpChallenges
{
    /// <summary>What the path of such a request begins with; the token is all the rest.</summary>
    public const string PathPrefix = "/.well-known/acme-challenge/";

    // A handful at most, as many as there are issuances at once: looking through them all is the fastest way.
    private Challenge[] _challenges = [];
    private readonly Lock _writing = new();

    /// <summary>Finds the answer to a token, byte by byte. The answer is not to be changed.</summary>
    public bool TryFind(ReadOnlySpan<byte> token, [NotNullWhen(true)] out byte[]? keyAuthorization)
    {
        foreach (var challenge in Volatile.Read(ref _challenges))
        {
            if (!token.SequenceEqual(challenge.Token)) continue;
            keyAuthorization = challenge.KeyAuthorization;
            return true;
        }
        keyAuthorization = null;
        return false;
    }

    /// <summary>Answers a token from now on.</summary>
    public void Put(string token, string keyAuthorization)
    {
        var challenge = new Challenge(Encoding.ASCII.GetBytes(token), Encoding.ASCII.GetBytes(keyAuthorization));
        lock (_writing) Volatile.Write(ref _challenges, [.. Without(challenge.Token), challenge]);
    }

    public void Remove(string token)
    {
        var bytes = Encoding.ASCII.GetBytes(token);
        lock (_writing) Volatile.Write(ref _challenges, [.. Without(bytes)]);
    }

    private IEnumerable<Challenge> Without(byte[] token) =>
        _challenges.Where(challenge => !challenge.Token.AsSpan().SequenceEqual(token));

    private sealed record Challenge(byte[] Token, byte[] KeyAuthorization);
}

using System.Text;

namespace Hotcore.Http;

/// <summary>
/// The head of one request as hotcore understood it: checked, and free of ambiguity. It is a set of positions over bytes
/// that live in the client's receive buffer, so it is valid only until more is received into that buffer.
/// </summary>
/// <remarks>Reused from request to request; whatever protocol version the client speaks fills in the same head.</remarks>
internal sealed class RequestHead
{
    /// <summary>Far beyond every method that is registered.</summary>
    public const int MostMethodBytes = 64;

    /// <summary>Of one that is longer (RFC 9112 3).</summary>
    public static readonly Refusal LongMethod = new(501, "the method is longer than 64 octets");

    public FieldSection Fields { get; } = new();

    public int MethodStart { get; set; }

    public int MethodLength { get; set; }

    public int TargetStart { get; set; }

    public int TargetLength { get; set; }

    public int AuthorityStart { get; set; }

    public int AuthorityLength { get; set; }

    public int HostLength { get; set; }

    /// <summary>0 for HTTP/1.0; 1 for HTTP/1.1 and everything later.</summary>
    public int MinorVersion { get; set; }

    public BodyFraming Framing { get; set; }

    /// <summary>Of <see cref="BodyFraming.Length"/>.</summary>
    public long ContentLength { get; set; }

    /// <summary>The client leaves the connection open for another request (RFC 9112 9.3).</summary>
    public bool IsPersistent { get; set; }

    /// <summary>Connection names fields of this message, beyond the usual options: they must not be forwarded.</summary>
    public bool HasConnectionFields { get; set; }

    /// <summary>The client asks for another protocol in a way that hotcore passes on (RFC 9110 7.8).</summary>
    public bool WantsUpgrade { get; set; }

    public ReadOnlySpan<byte> Method => Fields.Slice(MethodStart, MethodLength);

    /// <summary>
    /// The target as it goes to the upstream, in origin-form or asterisk-form. One that begins with '?' came in
    /// absolute-form without a path and goes out behind a '/'.
    /// </summary>
    public ReadOnlySpan<byte> Target => TargetLength > 0 ? Fields.Slice(TargetStart, TargetLength)
        : Method.SequenceEqual("OPTIONS"u8) ? "*"u8 : "/"u8;

    /// <summary>Host and perhaps port, as the client wrote them.</summary>
    public ReadOnlySpan<byte> Authority => Fields.Slice(AuthorityStart, AuthorityLength);

    /// <summary>The host alone, without port and without the root's trailing dot; what mappings are found by.</summary>
    public ReadOnlySpan<byte> Host => Fields.Slice(AuthorityStart, HostLength);

    public bool IsHead => Method.SequenceEqual("HEAD"u8);

    /// <summary>The request may be sent a second time without harm (RFC 9110 9.2.2), as far as its method goes.</summary>
    public bool IsIdempotent => Method.SequenceEqual("GET"u8) || IsHead || Method.SequenceEqual("OPTIONS"u8)
        || Method.SequenceEqual("PUT"u8) || Method.SequenceEqual("DELETE"u8) || Method.SequenceEqual("TRACE"u8);

    public bool HasBody => Framing == BodyFraming.Chunked || (Framing == BodyFraming.Length && ContentLength > 0);

    /// <summary>Whether <paramref name="url"/> is where the request is for, by that scheme.</summary>
    public bool IsAt(ReadOnlySpan<byte> url, ReadOnlySpan<byte> scheme)
    {
        var authorityEnd = scheme.Length + Authority.Length;
        return url.Length >= authorityEnd && Ascii.EqualsIgnoreCase(url[..scheme.Length], scheme)
            && Ascii.EqualsIgnoreCase(url[scheme.Length..authorityEnd], Authority)
            && (url[authorityEnd..].SequenceEqual(Target) || (url.Length == authorityEnd && Target.SequenceEqual("/"u8)));
    }

    /// <summary>
    /// It has no body and does not say so, though its method is one that has (RFC 9110 8.6): some apps ask for a length then (411).
    /// </summary>
    public bool LacksLength => Framing == BodyFraming.None && !WantsUpgrade && ExpectsBody(Method);

    /// <summary>Forgets the last request.</summary>
    public void Clear()
    {
        Fields.Clear();
        (MethodStart, MethodLength, TargetStart, TargetLength) = (0, 0, 0, 0);
        (AuthorityStart, AuthorityLength, HostLength) = (0, 0, 0);
        (MinorVersion, Framing, ContentLength) = (0, BodyFraming.None, 0);
        (IsPersistent, HasConnectionFields, WantsUpgrade) = (false, false, false);
    }

    private static bool ExpectsBody(ReadOnlySpan<byte> method) => method[0] == 'P'
        && (method.SequenceEqual("POST"u8) || method.SequenceEqual("PUT"u8) || method.SequenceEqual("PATCH"u8));
}

using System.Text;

namespace Hotcore.Http.Http1;

/// <summary>
/// What a complete HTTP/1 request head must satisfy beyond its grammar, and what follows from it: one host, one framing,
/// the connection's options (RFC 9112 3.2, 6, 9; RFC 9110 7.2, 7.6.1, 7.8).
/// </summary>
internal static class RequestRules
{
    private static readonly Refusal BadFraming =
        new(400, "a body is framed by one Content-Length of digits, or by Transfer-Encoding: chunked, never by both");

    private static readonly Refusal BadHost = new(400, "a request names its host exactly once: Host: name, or name:port");
    private static readonly Refusal BadTarget = new(400, "the request target must be a path, an http URL, or * for OPTIONS");
    private static readonly Refusal NoConnect = new(405, "hotcore is not a forward proxy: CONNECT is not served");

    /// <summary>Completes <paramref name="head"/>, or says why the request is refused.</summary>
    public static Refusal? Apply(RequestHead head) =>
        ApplyFraming(head) ?? ApplyHost(head) ?? ApplyTarget(head) ?? ApplyConnection(head);

    private static Refusal? ApplyFraming(RequestHead head)
    {
        var encodings = head.Fields.FindSingle(KnownField.TransferEncoding, out var encoding);
        var lengths = head.Fields.FindSingle(KnownField.ContentLength, out var length);
        if (encodings + lengths > 1)
            return BadFraming;
        if (encodings == 1)
        {
            // HTTP/1.0 knows no transfer coding: whoever sends one is confused or hostile (RFC 9112 6.1).
            if (head.MinorVersion == 0 || !Ascii.EqualsIgnoreCase(encoding, "chunked"u8))
                return BadFraming;
            head.Framing = BodyFraming.Chunked;
        }
        else if (lengths == 1)
        {
            if (!ContentLength.TryParse(length, out var bytes))
                return BadFraming;
            (head.Framing, head.ContentLength) = (BodyFraming.Length, bytes);
        }

        return null;
    }

    private static Refusal? ApplyHost(RequestHead head)
    {
        var hosts = head.Fields.FindSingle(KnownField.Host, out var host);
        if (hosts > 1 || (hosts == 0 && head.MinorVersion > 0))
            return BadHost;
        if (hosts == 0)
            return null;
        if (!Authority.TryParse(host, out var hostLength))
            return BadHost;
        foreach (ref readonly var field in head.Fields.Fields)
        {
            if (field.Known == KnownField.Host)
                (head.AuthorityStart, head.AuthorityLength) = (field.ValueStart, field.ValueLength);
        }

        head.HostLength = hostLength;
        return null;
    }

    private static Refusal? ApplyTarget(RequestHead head)
    {
        // Whatever its target: a 2xx to it has no body, whatever its fields say (RFC 9112 6.3), and not every app knows that.
        if (head.Method.SequenceEqual("CONNECT"u8))
            return NoConnect;
        var target = head.Target;
        if (target[0] == '/')
            return null;
        if (target.SequenceEqual("*"u8))
            return head.Method.SequenceEqual("OPTIONS"u8) ? null : BadTarget;
        return ApplyAbsoluteForm(head, target);
    }

    private static Refusal? ApplyAbsoluteForm(RequestHead head, ReadOnlySpan<byte> target)
    {
        var scheme = StartsWithIgnoreCase(target, "http://"u8) ? 7 : StartsWithIgnoreCase(target, "https://"u8) ? 8 : 0;
        if (scheme == 0)
            return BadTarget;
        var length = target[scheme..].IndexOfAny("/?"u8);
        var authority = length < 0 ? target[scheme..] : target.Slice(scheme, length);
        if (!Authority.TryParse(authority, out var hostLength))
            return BadHost;
        // RFC 9112 3.2.2 lets the target win; two different hosts in one request are refused here all the same.
        if (head.AuthorityLength > 0 && !Authority.AreSame(authority, head.Authority, isHttps: scheme == 8))
            return BadHost;
        (head.AuthorityStart, head.AuthorityLength, head.HostLength) = (head.TargetStart + scheme, authority.Length, hostLength);
        var skipped = scheme + authority.Length;
        head.TargetStart += skipped;
        head.TargetLength -= skipped;
        return null;
    }

    private static Refusal? ApplyConnection(RequestHead head)
    {
        var options = ConnectionOptions.Read(head.Fields);
        head.HasConnectionFields = options.NamesFields;
        head.IsPersistent = options.IsPersistent(head.MinorVersion);
        head.WantsUpgrade = options.HasUpgrade && MayUpgrade(head);
        return null;
    }

    // A chunked body and another protocol behind one head cannot be told apart safely (a length says where the body ends), and h2c
    // would carry requests past the forwarded fields: such requests are served as ordinary ones, which RFC 9110 7.8 allows.
    private static bool MayUpgrade(RequestHead head)
    {
        if (head.MinorVersion == 0 || head.Framing == BodyFraming.Chunked
            || head.Fields.FindSingle(KnownField.Upgrade, out var protocol) != 1)
            return false;
        return !protocol.IsEmpty && !ListValue.Contains(protocol, "h2c"u8);
    }

    private static bool StartsWithIgnoreCase(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> prefix) =>
        bytes.Length >= prefix.Length && Ascii.EqualsIgnoreCase(bytes[..prefix.Length], prefix);
}

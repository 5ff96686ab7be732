using System.Text;
using Hotcore.Http.Http1;

namespace Hotcore.Http.Http2;

/// <summary>
/// Makes the head of a request from a well-formed field block: what HTTP/1.1 would have said, and nothing that HTTP/1.1 could
/// read otherwise (RFC 9113 8.3.1, 8.5, 10.3; RFC 8441 4).
/// </summary>
internal static class Http2RequestRules
{
    private static readonly Refusal NoConnect = new(405, "hotcore is not a forward proxy: CONNECT is not served");

    private static readonly Refusal OtherProtocol = new(501, "over HTTP/2, only the protocol websocket is served");

    /// <summary>How long <see cref="Apply"/>'s key is.</summary>
    public const int WebSocketKeyBytes = 24;

    /// <summary>
    /// Completes <paramref name="head"/>, whose fields <paramref name="block"/> has just filled in; false when the request is
    /// malformed. <paramref name="refusal"/> is set where it is well-formed and not served.
    /// </summary>
    /// <param name="block">What was read.</param>
    /// <param name="scratch">What it was read into.</param>
    /// <param name="head">The head to complete.</param>
    /// <param name="endsStream">No body follows.</param>
    /// <param name="webSocketKey">The key that a WebSocket's handshake gets in HTTP/1.1: HTTP/2 has none.</param>
    /// <param name="refusal">Why it is not served.</param>
    public static bool Apply(
        FieldBlock block, byte[] scratch, RequestHead head, bool endsStream, ReadOnlySpan<byte> webSocketKey, out Refusal? refusal)
    {
        refusal = null;
        if (block.Method.IsAbsent || !block.Status.IsAbsent || !ApplyMethod(block, head) || !ApplyAuthority(block, scratch, head))
            return false;
        if (head.Method.SequenceEqual("CONNECT"u8) && block.Protocol.IsAbsent)
        {
            refusal = NoConnect;
            return block.Path.IsAbsent && block.Scheme.IsAbsent;
        }

        if (!ApplyScheme(block, scratch) || !ApplyPath(block, head) || !ApplyFraming(head, endsStream))
            return false;
        (head.MinorVersion, head.IsPersistent) = (1, true);
        refusal = head.MethodLength > RequestHead.MostMethodBytes ? RequestHead.LongMethod : null;
        JoinCookies(block, scratch, head);
        return block.Protocol.IsAbsent || ApplyProtocol(block, scratch, head, endsStream, webSocketKey, out refusal);
    }

    private static bool ApplyMethod(FieldBlock block, RequestHead head)
    {
        (head.MethodStart, head.MethodLength) = (block.Method.Start, block.Method.Length);
        return FieldLine.IsToken(head.Method);
    }

    /// <summary>One host: of :authority, or of Host where that is all there is, and the same where both are there.</summary>
    private static bool ApplyAuthority(FieldBlock block, byte[] scratch, RequestHead head)
    {
        var hosts = head.Fields.FindSingle(KnownField.Host, out var host);
        if (hosts > 1 || (hosts == 0 && block.Authority.IsAbsent))
            return false;
        (head.AuthorityStart, head.AuthorityLength) = (block.Authority.Start, block.Authority.Length);
        if (block.Authority.IsAbsent)
        {
            foreach (ref readonly var field in head.Fields.Fields)
            {
                if (field.Known == KnownField.Host)
                    (head.AuthorityStart, head.AuthorityLength) = (field.ValueStart, field.ValueLength);
            }
        }
        else if (hosts == 1 && !Authority.AreSame(host, head.Authority, IsHttps(block, scratch)))
        {
            return false;
        }

        var isValid = Authority.TryParse(head.Authority, out var hostLength);
        head.HostLength = hostLength;
        return isValid;
    }

    private static bool IsHttps(FieldBlock block, byte[] scratch) =>
        !block.Scheme.IsAbsent && Ascii.EqualsIgnoreCase(scratch.AsSpan(block.Scheme.Start, block.Scheme.Length), "https"u8);

    private static bool ApplyScheme(FieldBlock block, byte[] scratch)
    {
        if (block.Scheme.IsAbsent)
            return false;
        var scheme = scratch.AsSpan(block.Scheme.Start, block.Scheme.Length);
        return Ascii.EqualsIgnoreCase(scheme, "http"u8) || Ascii.EqualsIgnoreCase(scheme, "https"u8);
    }

    private static bool ApplyPath(FieldBlock block, RequestHead head)
    {
        if (block.Path.Length <= 0)
            return false;
        (head.TargetStart, head.TargetLength) = (block.Path.Start, block.Path.Length);
        if (!RequestParser.IsTarget(head.Target))
            return false;
        return head.Target[0] == '/' || (head.Target.SequenceEqual("*"u8) && head.Method.SequenceEqual("OPTIONS"u8));
    }

    private static bool ApplyFraming(RequestHead head, bool endsStream)
    {
        var lengths = head.Fields.FindSingle(KnownField.ContentLength, out var value);
        var length = 0L;
        if (lengths > 1 || (lengths == 1 && !ContentLength.TryParse(value, out length)) || (endsStream && length > 0))
            return false;
        head.ContentLength = length;
        head.Framing = lengths == 1 ? BodyFraming.Length : endsStream ? BodyFraming.None : BodyFraming.Chunked;
        return true;
    }

    /// <summary>HTTP/2 may send cookies one by one, HTTP/1.1 wants them in one line (RFC 9113 8.2.3).</summary>
    private static void JoinCookies(FieldBlock block, byte[] scratch, RequestHead head)
    {
        if (head.Fields.FindSingle(KnownField.Cookie, out _) < 2)
            return;
        var start = block.Length + "cookie: "u8.Length;
        var end = start;
        foreach (ref readonly var field in head.Fields.Fields)
        {
            if (field.Known != KnownField.Cookie)
                continue;
            if (end > start)
            {
                "; "u8.CopyTo(scratch.AsSpan(end));
                end += 2;
            }

            head.Fields.Value(field).CopyTo(scratch.AsSpan(end));
            end += field.ValueLength;
        }

        head.Fields.RemoveAll(KnownField.Cookie);
        block.AddLine(scratch, head.Fields, "cookie"u8, scratch.AsSpan(start, end - start));
    }

    /// <summary>
    /// An extended CONNECT to websocket is what the Upgrade of HTTP/1.1 is (RFC 8441 5), so it is made to look like one. There is
    /// no body until the app has agreed.
    /// </summary>
    private static bool ApplyProtocol(
        FieldBlock block, byte[] scratch, RequestHead head, bool endsStream, ReadOnlySpan<byte> webSocketKey,
        out Refusal? refusal)
    {
        var protocol = scratch.AsSpan(block.Protocol.Start, Math.Max(block.Protocol.Length, 0));
        var hasLength = head.Fields.FindSingle(KnownField.ContentLength, out _) > 0;
        refusal = Ascii.EqualsIgnoreCase(protocol, "websocket"u8) ? null : OtherProtocol;
        if (!head.Method.SequenceEqual("CONNECT"u8) || endsStream || hasLength || !FieldLine.IsToken(protocol))
            return false;
        head.Fields.RemoveAll(KnownField.SecWebSocketKey); // It proves nothing but that an app of HTTP/1.1 answered.
        head.Fields.RemoveAll(KnownField.Expect);
        "GET"u8.CopyTo(scratch.AsSpan(block.Method.Start));
        head.MethodLength = 3;
        block.AddLine(scratch, head.Fields, "upgrade"u8, protocol);
        block.AddLine(scratch, head.Fields, "sec-websocket-key"u8, webSocketKey);
        (head.WantsUpgrade, head.Framing) = (true, BodyFraming.None);
        return true;
    }
}

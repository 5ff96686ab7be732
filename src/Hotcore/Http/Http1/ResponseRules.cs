using System.Text;

namespace Hotcore.Http.Http1;

/// <summary>
/// What a complete HTTP/1 response head must satisfy beyond its grammar, and how its body is framed (RFC 9112 6.3).
/// </summary>
internal static class ResponseRules
{
    /// <summary>Completes <paramref name="head"/>, or says in what its framing is wrong or ambiguous.</summary>
    public static AnswerFault? Apply(ResponseHead head, bool answersHead)
    {
        var isChunked = false;
        var fault = AnswerLength.Apply(head.Fields, out var length) ?? ApplyEncoding(head, out isChunked);
        if (fault is not null)
            return fault;
        // RFC 9112 6.3: a Transfer-Encoding overrides the length, which goes no further; and who said both is trusted no longer.
        var saysBoth = isChunked && length >= 0;
        if (saysBoth)
            head.Fields.RemoveAll(KnownField.ContentLength);
        head.ContentLength = isChunked ? 0 : Math.Max(length, 0);
        head.Framing = answersHead || head.IsInterim || head.Status is 204 or 304 ? BodyFraming.None
            : isChunked ? BodyFraming.Chunked
            : length >= 0 ? BodyFraming.Length
            : BodyFraming.UntilClose;
        ApplyConnection(head);
        // Who announces a body where none can be may send it all the same (RFC 9110 8.6, RFC 9112 6.1): to whoever comes next.
        var announcesWrongly = head.ForbidsLength && (isChunked || length > 0);
        head.IsPersistent &= !saysBoth && !announcesWrongly;
        return null;
    }

    private static AnswerFault? ApplyEncoding(ResponseHead head, out bool isChunked)
    {
        isChunked = false;
        var encodings = head.Fields.FindSingle(KnownField.TransferEncoding, out var encoding);
        if (encodings == 0)
            return null;
        isChunked = encodings == 1 && Ascii.EqualsIgnoreCase(encoding, "chunked"u8);
        if (encodings > 1)
            return OfEncoding(head, "which stands there more than once");
        if (!isChunked)
            return OfEncoding(head, "which is not chunked");
        // Some would take the body for chunked, and some would not (RFC 9112 6.1).
        return head.MinorVersion == 0 ? OfEncoding(head, "which HTTP/1.0 does not have") : null;
    }

    private static AnswerFault OfEncoding(ResponseHead head, string flaw)
    {
        foreach (ref readonly var field in head.Fields.Fields)
        {
            if (field.Known == KnownField.TransferEncoding)
                return AnswerFault.Of(head.Fields.Text(field), flaw);
        }

        return AnswerFault.Of(flaw);
    }

    private static void ApplyConnection(ResponseHead head)
    {
        var options = ConnectionOptions.Read(head.Fields);
        head.HasConnectionFields = options.NamesFields;
        head.IsPersistent = options.IsPersistent(head.MinorVersion) && head.Framing != BodyFraming.UntilClose;
    }
}

using System.Text;

namespace Hotcore.Http.Http1;

/// <summary>
/// What a complete HTTP/1 response head must satisfy beyond its grammar, and how its body is framed (RFC 9112 6.3).
/// </summary>
internal static class ResponseRules
{
    /// <summary>Completes <paramref name="head"/>; false when its framing is wrong or ambiguous.</summary>
    public static bool Apply(ResponseHead head, bool answersHead)
    {
        var encodings = head.Fields.FindSingle(KnownField.TransferEncoding, out var encoding);
        var lengths = head.Fields.FindSingle(KnownField.ContentLength, out var length);
        if (encodings + lengths > 1)
            return false;
        var contentLength = 0L;
        if (lengths == 1 && !ContentLength.TryParse(length, out contentLength))
            return false;
        if (encodings == 1 && (head.MinorVersion == 0 || !Ascii.EqualsIgnoreCase(encoding, "chunked"u8)))
            return false;
        head.ContentLength = contentLength;
        head.Framing = answersHead || head.IsInterim || head.Status is 204 or 304 ? BodyFraming.None
            : encodings == 1 ? BodyFraming.Chunked
            : lengths == 1 ? BodyFraming.Length
            : BodyFraming.UntilClose;
        ApplyConnection(head);
        return true;
    }

    private static void ApplyConnection(ResponseHead head)
    {
        var options = ConnectionOptions.Read(head.Fields);
        head.HasConnectionFields = options.NamesFields;
        head.IsPersistent = options.IsPersistent(head.MinorVersion) && head.Framing != BodyFraming.UntilClose;
    }
}

using Hotcore.Http.Http1;

namespace Hotcore.Http.Http2;

/// <summary>Makes the head of a response from a well-formed field block of an upstream (RFC 9113 8.3.2).</summary>
internal static class Http2ResponseRules
{
    /// <summary>Completes <paramref name="head"/>, whose fields were just filled in; false when the response is malformed.</summary>
    public static bool Apply(FieldBlock block, byte[] scratch, ResponseHead head, bool endsStream, bool answersHead)
    {
        if (!block.Method.IsAbsent || !block.Path.IsAbsent || !block.Scheme.IsAbsent || !block.Authority.IsAbsent
            || block.Status.Length != 3 || !block.Protocol.IsAbsent)
            return false;
        if (!ContentLength.TryParse(scratch.AsSpan(block.Status.Start, 3), out var status) || status is < 100 or > 599 or 101)
            return false;
        var lengths = head.Fields.FindSingle(KnownField.ContentLength, out var value);
        var length = 0L;
        if (lengths > 1 || (lengths == 1 && !ContentLength.TryParse(value, out length)))
            return false;
        (head.Status, head.MinorVersion, head.IsPersistent) = ((int)status, 1, true);
        var hasNoBody = answersHead || head.IsInterim || status is 204 or 304;
        if (head.IsInterim ? endsStream : endsStream && length > 0 && !hasNoBody)
            return false;
        head.ContentLength = length;
        head.Framing = hasNoBody ? BodyFraming.None : lengths == 1 ? BodyFraming.Length : BodyFraming.Chunked;
        return true;
    }
}

using Hotcore.Http.Http1;

namespace Hotcore.Http.Http2;

/// <summary>Makes the head of a response from a well-formed field block of an upstream (RFC 9113 8.3.2).</summary>
internal static class Http2ResponseRules
{
    /// <summary>Completes <paramref name="head"/>, whose fields were just filled in, or says in what the response is malformed.</summary>
    public static AnswerFault? Apply(FieldBlock block, byte[] scratch, ResponseHead head, bool endsStream, bool answersHead)
    {
        if (!block.Method.IsAbsent || !block.Path.IsAbsent || !block.Scheme.IsAbsent || !block.Authority.IsAbsent
            || block.Status.Length != 3 || !block.Protocol.IsAbsent)
            return AnswerFault.Of("answered over HTTP/2 with a head that is not one of an answer");
        var digits = scratch.AsSpan(block.Status.Start, 3);
        if (!ContentLength.TryParse(digits, out var status) || status is < 100 or 101)
            return AnswerFault.Of(digits, "which is no status of HTTP/2");
        if (AnswerLength.Apply(head.Fields, out var length) is { } fault)
            return fault;
        (head.Status, head.MinorVersion, head.IsPersistent) = ((int)status, 1, true);
        var hasNoBody = answersHead || head.IsInterim || status is 204 or 304;
        if (head.IsInterim ? endsStream : endsStream && length > 0 && !hasNoBody)
            return AnswerFault.Of("ended an answer with its head, where more was announced");
        head.ContentLength = Math.Max(length, 0);
        head.Framing = hasNoBody ? BodyFraming.None : length >= 0 ? BodyFraming.Length : BodyFraming.Chunked;
        return null;
    }
}

using Hotcore.Http;
using Hotcore.Http.Http2;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// Encodes heads as they leave hotcore over HTTP/2, into the array of a loop: the same fields that <see cref="Http1.HeadWriter"/>
/// lets pass over HTTP/1.1.
/// </summary>
internal static class FieldEncoder
{
    /// <summary>Encodes a response head, final or interim; returns the block's length.</summary>
    public static int EncodeResponse(byte[] scratch, ResponseHead response)
    {
        var length = HpackEncoder.WriteStatus(scratch, response.Status);
        foreach (ref readonly var field in response.Fields.Fields)
        {
            if (!(response.ForbidsLength && field.Known == KnownField.ContentLength)
                && !HopByHopFields.Covers(response.Fields, field, response.HasConnectionFields))
                length += Write(scratch, length, response.Fields, field);
        }

        return length;
    }

    /// <summary>
    /// Encodes the head of an answer that leaves HTTP behind: over HTTP/2 it is a 200, and has no proof that the app understood a
    /// key which the client never sent (RFC 8441 5).
    /// </summary>
    public static int EncodeTunnel(byte[] scratch, ResponseHead response)
    {
        var length = HpackEncoder.WriteStatus(scratch, 200);
        foreach (ref readonly var field in response.Fields.Fields)
        {
            if (field.Known is not (KnownField.ContentLength or KnownField.SecWebSocketAccept)
                && !HopByHopFields.Covers(response.Fields, field, response.HasConnectionFields))
                length += Write(scratch, length, response.Fields, field);
        }

        return length;
    }

    /// <summary>Encodes those trailers that may pass.</summary>
    public static int EncodeTrailers(byte[] scratch, FieldSection trailers)
    {
        var length = 0;
        foreach (ref readonly var field in trailers.Fields)
        {
            if (HopByHopFields.PassesAsTrailer(field))
                length += Write(scratch, length, trailers, field);
        }

        return length;
    }

    private static int Write(byte[] scratch, int position, FieldSection section, in Field field) =>
        HpackEncoder.WriteField(scratch.AsSpan(position), section.Name(field), section.Value(field));
}

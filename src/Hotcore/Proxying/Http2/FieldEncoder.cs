using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Http.Http2;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http2;

/// <summary>
/// Encodes heads as they leave hotcore over HTTP/2, into the array of a loop: the same fields that <see cref="Http1.HeadWriter"/>
/// lets pass over HTTP/1.1.
/// </summary>
internal static class FieldEncoder
{
    /// <summary>
    /// Encodes a response head, final or interim; returns the block's length. <paramref name="date"/> is what one without a Date gets,
    /// if anything.
    /// </summary>
    public static int EncodeResponse(byte[] scratch, ResponseHead response, ReadOnlySpan<byte> date)
    {
        var length = HpackEncoder.WriteStatus(scratch, response.Status);
        var isDated = false;
        foreach (ref readonly var field in response.Fields.Fields)
        {
            if ((response.ForbidsLength && field.Known == KnownField.ContentLength)
                || HopByHopFields.Covers(response.Fields, field, response.HasConnectionFields))
                continue;
            isDated |= field.Known == KnownField.Date;
            length += Write(scratch, length, response.Fields, field);
        }

        return isDated || date.IsEmpty ? length : length + Write(scratch, length, "date"u8, date);
    }

    /// <summary>
    /// Encodes the head of an answer that leaves HTTP behind: over HTTP/2 it is a 200, and has no proof that the app understood a
    /// key which the client never sent (RFC 8441 5).
    /// </summary>
    public static int EncodeTunnel(byte[] scratch, ResponseHead response, ReadOnlySpan<byte> date)
    {
        var length = HpackEncoder.WriteStatus(scratch, 200);
        var isDated = false;
        foreach (ref readonly var field in response.Fields.Fields)
        {
            if (field.Known is KnownField.ContentLength or KnownField.SecWebSocketAccept
                || HopByHopFields.Covers(response.Fields, field, response.HasConnectionFields))
                continue;
            isDated |= field.Known == KnownField.Date;
            length += Write(scratch, length, response.Fields, field);
        }

        return isDated ? length : length + Write(scratch, length, "date"u8, date);
    }

    /// <summary>
    /// Encodes a request head for an app that speaks HTTP/2: with hotcore's forwarded fields, and, of what belongs to a
    /// connection, with "te: trailers" alone, which gRPC asks for.
    /// </summary>
    public static int EncodeRequest(byte[] scratch, RequestHead request, ForwardedFields forwarded, bool isTls, SendBuffer lines)
    {
        var length = Write(scratch, 0, ":method"u8, request.Method);
        length += Write(scratch, length, ":scheme"u8, isTls ? "https"u8 : "http"u8);
        length += Write(scratch, length, ":authority"u8, request.Authority);
        length += WritePath(scratch, length, request.Target);
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (field.Known == KnownField.TE && ListValue.Contains(request.Fields.Value(field), "trailers"u8))
                length += Write(scratch, length, "te"u8, "trailers"u8);
            else if (field.Known != KnownField.Host && !forwarded.Replaces(field.Known)
                && !HopByHopFields.Covers(request.Fields, field, request.HasConnectionFields))
                length += Write(scratch, length, request.Fields, field);
        }

        forwarded.Write(lines, request);
        for (var rest = lines.Gathered; !rest.IsEmpty;)
        {
            var (colon, end) = (rest.IndexOf(": "u8), rest.IndexOf("\r\n"u8));
            length += Write(scratch, length, rest[..colon], rest[(colon + 2)..end]);
            rest = rest[(end + 2)..];
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

    /// <summary>A target in absolute-form that had no path begins with '?'.</summary>
    private static int WritePath(byte[] scratch, int position, ReadOnlySpan<byte> target)
    {
        if (target[0] != '?')
            return Write(scratch, position, ":path"u8, target);
        Span<byte> path = new byte[target.Length + 1];
        path[0] = (byte)'/';
        target.CopyTo(path[1..]);
        return Write(scratch, position, ":path"u8, path);
    }

    private static int Write(byte[] scratch, int position, FieldSection section, in Field field) => field.HasControls
        ? WriteWithoutControls(scratch, position, section, field)
        : Write(scratch, position, section.Name(field), section.Value(field));

    /// <summary>Chromium and nghttp2 take a control character in a value for an error of the whole stream.</summary>
    private static int WriteWithoutControls(byte[] scratch, int position, FieldSection section, in Field field)
    {
        var value = FieldLine.TrimControls(section.Value(field));
        var length = Write(scratch, position, section.Name(field), value);
        FieldLine.BlankControls(scratch.AsSpan(position + length - value.Length, value.Length));
        return length;
    }

    private static int Write(byte[] scratch, int position, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) =>
        HpackEncoder.WriteField(scratch.AsSpan(position), name, value);
}

using Hotcore.Http;
using Hotcore.Loops;

namespace Hotcore.Proxying.Http1;

/// <summary>
/// Writes heads as they leave hotcore: the request as the upstream gets it, the response as an HTTP/1 client gets it. Field
/// lines that pass are copied as they came, neighbours together; the connection's own fields are written anew.
/// </summary>
internal static class HeadWriter
{
    /// <summary>Writes the request head, always as HTTP/1.1 and for a connection that stays open.</summary>
    public static void WriteRequest(SendBuffer output, RequestHead request, ForwardedFields forwarded)
    {
        output.Append(request.Method);
        output.Append(" "u8);
        if (request.Target[0] == '?')
            output.Append("/"u8);
        output.Append(request.Target);
        output.Append(" HTTP/1.1\r\nHost: "u8);
        output.Append(request.Authority);
        output.Append("\r\n"u8);
        var run = new LineRun(output, request.Fields);
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (field.Known == KnownField.Host || forwarded.Replaces(field.Known)
                || HopByHopFields.Covers(request.Fields, field, request.HasConnectionFields))
                run.Skip();
            else
                run.Pass(field);
        }

        run.Skip();
        forwarded.Write(output, request);
        if (request.WantsUpgrade)
            WriteUpgrade(output, request.Fields);
        output.Append(request.Framing == BodyFraming.Chunked ? "Transfer-Encoding: chunked\r\n\r\n"u8
            : request.LacksLength ? "Content-Length: 0\r\n\r\n"u8
            : "\r\n"u8);
    }

    /// <summary>
    /// Writes the response head; <paramref name="framing"/> is how its body goes to this client. <paramref name="date"/> is the line
    /// that one without a Date gets, if any.
    /// </summary>
    public static void WriteResponse(
        SendBuffer output, ResponseHead response, BodyFraming framing, ReadOnlySpan<byte> connection, ReadOnlySpan<byte> date)
    {
        WriteStatusLine(output, response);
        var isDated = false;
        var run = new LineRun(output, response.Fields);
        foreach (ref readonly var field in response.Fields.Fields)
        {
            if ((response.ForbidsLength && field.Known == KnownField.ContentLength)
                || HopByHopFields.Covers(response.Fields, field, response.HasConnectionFields))
            {
                run.Skip();
                continue;
            }

            isDated |= field.Known == KnownField.Date;
            run.Pass(field);
        }

        run.Skip();
        if (!isDated)
            output.Append(date);
        if (response.Status is 101 or 426)
            WriteUpgrade(output, response.Fields);
        if (framing == BodyFraming.Chunked)
            output.Append("Transfer-Encoding: chunked\r\n"u8);
        output.Append(connection);
        output.Append("\r\n"u8);
    }

    /// <summary>Writes what ends a chunked body: the last chunk and those trailers that may pass.</summary>
    public static void WriteLastChunk(SendBuffer output, FieldSection trailers)
    {
        output.Append("0\r\n"u8);
        foreach (ref readonly var field in trailers.Fields)
        {
            if (HopByHopFields.PassesAsTrailer(field))
                output.Append(trailers.Line(field));
        }

        output.Append("\r\n"u8);
    }

    private static void WriteStatusLine(SendBuffer output, ResponseHead response)
    {
        output.Append("HTTP/1.1 "u8);
        output.AppendDecimal(response.Status);
        output.Append(" "u8);
        output.Append(response.Reason);
        output.Append("\r\n"u8);
    }

    /// <summary>Upgrade, where there is one, and Connection, which names it (RFC 9110 7.8).</summary>
    private static void WriteUpgrade(SendBuffer output, FieldSection fields)
    {
        var isNamed = false;
        foreach (ref readonly var field in fields.Fields)
        {
            if (field.Known != KnownField.Upgrade)
                continue;
            if (!isNamed)
                output.Append("Connection: Upgrade\r\n"u8);
            isNamed = true;
            output.Append(fields.Line(field));
        }
    }

    /// <summary>Neighbouring lines that pass, copied at once.</summary>
    private ref struct LineRun(SendBuffer output, FieldSection section)
    {
        private int _start;
        private int _end;

        public void Pass(in Field field)
        {
            if (_end != field.LineStart)
                Skip(); // Not neighbours: a line between them is gone, or they were put there at different times.
            if (_end == 0)
                _start = field.LineStart;
            _end = field.LineEnd;
        }

        public void Skip()
        {
            if (_end > 0)
                output.Append(section.Slice(_start, _end - _start));
            _end = 0;
        }
    }
}

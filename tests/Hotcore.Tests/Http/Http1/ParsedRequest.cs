using Xunit;

namespace Hotcore.Http.Http1;

/// <summary>What the request parser made of some bytes, detached from them: two of these can be compared.</summary>
internal sealed record ParsedRequest(
    ParseStatus Status, int Refusal, int HeadLength, string Method, string Target, string Authority, string Host, int MinorVersion,
    BodyFraming Framing, long ContentLength, bool IsPersistent, bool HasConnectionFields, bool WantsUpgrade, string Fields)
{
    public static ParsedRequest Parse(string text, Func<int>? nextPiece = null) => Parse(Wire.Bytes(text), nextPiece);

    /// <summary>Hands the bytes over in pieces, each time elsewhere in memory, until the parser has made up its mind.</summary>
    public static ParsedRequest Parse(byte[] message, Func<int>? nextPiece = null)
    {
        nextPiece ??= Wire.AllAtOnce;
        var (parser, head) = (new RequestParser(), new RequestHead());
        parser.Reset();
        head.Clear();
        var (received, status) = (0, ParseStatus.NeedMore);
        for (var piece = 0; status == ParseStatus.NeedMore && (received < message.Length || piece == 0); piece++)
        {
            received = (int)Math.Min(message.Length, (long)received + nextPiece());
            var start = piece % 3;
            status = parser.Parse(head, Wire.Place(message.AsSpan(0, received), start), start, received);
            Assert.InRange(parser.HeadLength, 0, received);
        }

        return Describe(status, parser, head);
    }

    private static ParsedRequest Describe(ParseStatus status, RequestParser parser, RequestHead head)
    {
        Assert.Equal(status == ParseStatus.Invalid, parser.Refusal is not null);
        if (status != ParseStatus.Complete)
            return new ParsedRequest(status, parser.Refusal?.Status ?? 0, 0, "", "", "", "", 0, 0, 0, false, false, false, "");
        var lines = new List<string>();
        foreach (ref readonly var field in head.Fields.Fields)
        {
            Assert.InRange(field.LineStart, 1, field.LineEnd);
            Assert.InRange(field.LineEnd, 1, parser.HeadLength - 2);
            Assert.InRange(field.ValueStart, field.LineStart, field.LineEnd);
            Assert.InRange(field.ValueStart + field.ValueLength, field.ValueStart, field.LineEnd);
            lines.Add($"{Wire.Text(head.Fields.Name(field))}={Wire.Text(head.Fields.Value(field))}");
        }

        return new ParsedRequest(
            status, 0, parser.HeadLength, Wire.Text(head.Method), Wire.Text(head.Target), Wire.Text(head.Authority),
            Wire.Text(head.Host), head.MinorVersion, head.Framing, head.ContentLength, head.IsPersistent,
            head.HasConnectionFields, head.WantsUpgrade, string.Join('\n', lines));
    }
}

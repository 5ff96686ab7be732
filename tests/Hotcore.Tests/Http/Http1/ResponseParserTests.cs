using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Hotcore.Http.Http1;

public sealed partial class ResponseParserTests
{
    public static readonly TheoryData<string> Accepted =
    [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 \r\n\r\n",
        "HTTP/1.0 599 \x80 any\twords\r\nA:b\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1 200 \u0001\u007f\u001b[0m\r\nA: \u0001b\u007f\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\nB \t :c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5,5 ,\t5\r\nContent-Length: 05\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];

    public static readonly TheoryData<string> Refused =
    [
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: line\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 1000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b : c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    ];

    public static readonly TheoryData<string, string> Faults = new()
    {
        { "hello\r\n", "answered with 'hello', which is no HTTP" },
        { "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "answered with 'SSH-2.0-OpenSSH_9.2p1 Debian', which is no HTTP" },
        { "\u0015\u0003\u0001\u0000\u0002\u0002F", "answered with '\\x15\\x03\\x01\\x00\\x02\\x02F', which is no HTTP" },
        { "J\0\0\0\n8.0.36\0", "answered with 'J\\x00\\x00\\x00', which is no HTTP" },
        { "HTTP/2 200\r\n", "answered with 'HTTP/2 200', which is no status line of HTTP/1.1" },
        { "HTTP/1.1 20 OK\r\n", "answered with 'HTTP/1.1 20 OK', which is no status line of HTTP/1.1" },
        { "HTTP/1.1 099 OK\r\n", "answered with 'HTTP/1.1 099 OK', which has no status from 100 to 999" },
        { "HTTP/1.1 200 OK\n", "answered with 'HTTP/1.1 200 OK', which does not end in CR LF" },
        { "HTTP/1.1 200 OK\r\nA: b\n", "answered with 'A: b', which does not end in CR LF" },
        { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", "answered with ' c', which is a folded line" },
        { "HTTP/1.1 200 OK\r\nA b: c\r\n", "answered with 'A b: c', which is no field line" },
        { "HTTP/1.1 200 OK\r\nA: \0'\"\\\u00e9\r\n", "answered with 'A: \\x00\\x27\\x22\\x5c\\xe9', which has a CR or NUL in it" },
        { "HTTP/1.1 200 OK\r\nContent-Length: x1\r\n\r\n", "answered with 'Content-Length: x1', which is no number" },
        {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length : 6\r\n\r\n",
            "answered with 'Content-Length: 6', which is another length than the one before"
        },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "answered with 'Transfer-Encoding: gzip', which is not chunked" },
        {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "answered with 'Transfer-Encoding: chunked', which stands there more than once"
        },
        {
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "answered with 'Transfer-Encoding: chunked', which HTTP/1.0 does not have"
        },
        { $"HTTP/1.1 200 OK\r\n{new string('a', 200)}\r\n", $"answered with '{new string('a', 80)}...', which is no field line" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void What_was_wrong_is_told_in_the_words_of_the_answer(string text, string words)
    {
        var (parser, head, bytes) = (new ResponseParser(), new ResponseHead(), Wire.Bytes(text));

        Assert.Equal(ParseStatus.Invalid, parser.Parse(head, bytes, 0, bytes.Length, answersHead: false));
        Assert.Equal(words, parser.Fault!.Words);
    }

    [Theory]
    [InlineData("A : b\r\nC\t: d\r\nE: f\r\n", "A: b\r\n|C: d\r\n|E: f\r\n")]
    [InlineData("Content-Length: 5, 5\r\nA: b\r\n", "Content-Length: 5\r\n|A: b\r\n")]
    [InlineData("A: b\r\nContent-Length:5 ,5\r\nContent-Length: 5\r\n", "A: b\r\n|Content-Length:5\r\n")]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nA: b\r\n", "Transfer-Encoding: chunked\r\n|A: b\r\n")]
    public void What_is_odd_is_set_right_in_its_place(string fields, string lines)
    {
        var (parser, head, bytes) = (new ResponseParser(), new ResponseHead(), Wire.Bytes($"HTTP/1.1 200 OK\r\n{fields}\r\nbody"));

        Assert.Equal(ParseStatus.Complete, parser.Parse(head, bytes, 0, bytes.Length, answersHead: false));

        var read = new List<string>();
        foreach (ref readonly var field in head.Fields.Fields)
            read.Add(Wire.Text(head.Fields.Line(field)));
        Assert.Equal(lines, string.Join('|', read));
        Assert.EndsWith("\r\n\r\nbody", Wire.Text(bytes));
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void What_the_grammar_allows_is_accepted(string text)
    {
        var response = Parse(text);

        Assert.Equal((ParseStatus.Complete, text.Length), (response.Status, response.HeadLength));
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_malformed_or_ambiguous_is_refused(string text) =>
        Assert.Equal(ParseStatus.Invalid, Parse(text).Status);

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\n", false, "UntilClose 0 closes")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", false, "Length 7 stays")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", false, "Chunked 0 stays")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", true, "None 7 stays")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", true, "None 0 stays")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n", false, "Chunked 0 closes")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\n", false, "Length 7 stays")]
    [InlineData("HTTP/1.1 200 OK\r\n", true, "None 0 stays")]
    [InlineData("HTTP/1.1 204 No Content\r\n", false, "None 0 stays")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", false, "None 0 stays")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n", false, "None 7 closes")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n", true, "None 7 closes")]
    [InlineData("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", false, "None 0 closes")]
    [InlineData("HTTP/1.1 205 Reset Content\r\nContent-Length: 7\r\n", false, "Length 7 stays")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n", false, "None 7 stays")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n", false, "None 0 stays")]
    [InlineData("HTTP/1.1 103 Early Hints\r\n", false, "None 0 stays")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n", false, "None 7 closes")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n", false, "None 0 closes")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n", false, "Length 7 closes")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n", false, "Length 7 closes")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n", false, "Length 7 stays")]
    [InlineData("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", false, "UntilClose 0 closes")]
    public void The_body_ends_and_the_connection_goes_on_as_the_head_says(string head, bool answersHead, string expected)
    {
        var response = Parse(head + "\r\n", answersHead: answersHead);

        var connection = response.IsPersistent ? "stays" : "closes";
        Assert.Equal(expected, $"{response.Framing} {response.ContentLength} {connection}");
    }

    [Theory]
    [InlineData(ResponseParser.MostHeadBytes, true)]
    [InlineData(ResponseParser.MostHeadBytes + 1, false)]
    public void A_head_may_have_48_KiB(int length, bool isAccepted)
    {
        const string Begin = "HTTP/1.1 200 OK\r\nA: ";
        var text = Begin + new string('v', length - Begin.Length - 4) + "\r\n\r\n";

        Assert.Equal(isAccepted, Parse(text).Status == ParseStatus.Complete);
        Assert.Equal(isAccepted, Parse(text + "body", () => 997).Status == ParseStatus.Complete);
    }

    [Theory]
    [InlineData(129, true)]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    public void A_head_may_have_1000_fields(int count, bool isAccepted)
    {
        var text = "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Range(1, count).Select(n => $"A{n}: b\r\n")) + "\r\n";

        Assert.Equal(isAccepted, Parse(text).Status == ParseStatus.Complete);
    }

    [Fact]
    public void A_line_without_end_is_refused_before_it_fills_a_buffer() =>
        Assert.Equal(ParseStatus.Invalid, Parse("HTTP/1.1 200 " + new string('a', 60 * 1024), () => 1000).Status);

    [Fact]
    public void Where_the_pieces_are_cut_changes_nothing()
    {
        foreach (var text in Accepted.Concat(Refused).Select(row => row.Data + "and a body\r\n\r\n"))
        {
            var whole = Parse(text);
            Assert.Equal(whole, Parse(text, Wire.ByteByByte));
            for (var split = 1; split < text.Length; split++)
                Assert.Equal(whole, Parse(text, Wire.SplitAt(split)));
        }
    }

    [Fact]
    public void Generated_responses_are_understood_as_they_were_meant() => Cases.Check(
        Generate,
        generated =>
        {
            var parsed = Parse(generated.Text + "HTTP/1.1", answersHead: generated.AnswersHead);
            Assert.Equal(generated.Meaning, parsed);
            Assert.Equal(parsed, Parse(generated.Text, Wire.RandomPieces(parsed.HeadLength), generated.AnswersHead));
        });

    [Fact]
    public void Damaged_responses_are_judged_as_a_simple_reference_judges_them() => Cases.Check(
        random =>
        {
            var text = Generate(random).Text;
            if (random.Next(2) == 0)
            {
                text = text.Insert(text.IndexOf("\r\n", StringComparison.Ordinal) + 2, Cases.Pick<string>(
                    random, "Content-Length: 5\r\n", "Content-Length : 5, 5\r\n", "A \u0001: b\r\n", "A : \u0001b\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n", " a\r\n"));
            }

            return Cases.Mutate(random, Wire.Bytes(text));
        },
        bytes =>
        {
            var parsed = Parse(bytes);
            Assert.Equal(parsed, Parse(bytes, Wire.RandomPieces(bytes.Length)));
            Assert.Equal(IsAcceptable(Wire.Text(bytes)), parsed.Status == ParseStatus.Complete);
        });

    private static Generated Generate(Random random)
    {
        var (status, minor) = (random.Next(100, 1000), random.Next(4) == 0 ? 0 : 1);
        var reason = Wire.Value(random, 20);
        var fields = new List<string>();
        for (var i = random.Next(10); i > 0; i--)
            fields.Add($"X{Wire.Token(random, 20)}={Wire.Value(random, 40)}");
        var answersHead = random.Next(5) == 0;
        var (framing, length) = (BodyFraming.UntilClose, 0L);
        switch (random.Next(3))
        {
            case 0 when minor == 1:
                framing = BodyFraming.Chunked;
                fields.Insert(random.Next(fields.Count), Wire.RandomCase(random, "Transfer-Encoding") + "=chunked");
                break;
            case 1:
                (framing, length) = (BodyFraming.Length, random.NextInt64(1L << 62));
                fields.Insert(random.Next(fields.Count), Wire.RandomCase(random, "Content-Length") + $"={length}");
                break;
        }

        var announcesWrongly = status is < 200 or 204 && (framing == BodyFraming.Chunked || length > 0);
        if (answersHead || status is < 200 or 204 or 304)
            framing = BodyFraming.None;
        var text = new StringBuilder($"HTTP/1.{minor} {status}{(reason.Length > 0 ? " " : "")}{reason}\r\n");
        foreach (var field in fields.Select(f => f.Split('=', 2)))
            text.Append($"{field[0]}:{(random.Next(2) == 0 ? " " : "")}{field[1]}\t\r\n");
        text.Append("\r\n");
        return new Generated(text.ToString(), answersHead, new Parsed(
            ParseStatus.Complete, text.Length, status, reason, minor, framing, length,
            minor == 1 && framing != BodyFraming.UntilClose && !announcesWrongly, string.Join('\n', fields)));
    }

    /// <summary>The rules once more, as plainly as can be.</summary>
    private static bool IsAcceptable(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0 || Whole().Match(text[..(end + 2)]) is not { Success: true } head)
            return false;
        var fields = head.Groups["name"].Captures.Select(c => c.Value.ToLowerInvariant())
            .Zip(head.Groups["value"].Captures.Select(c => c.Value.Trim(' ', '\t'))).ToList();
        var lengths = fields.Where(f => f.First == "content-length").SelectMany(f => f.Second.Split(',')).Select(l => l.Trim(' ', '\t'));
        var encodings = fields.Where(f => f.First == "transfer-encoding").ToList();
        return lengths.All(l => l.Length > 0 && l.All(char.IsAsciiDigit) && BigInteger.Parse(l) <= long.MaxValue - 8)
            && lengths.Select(BigInteger.Parse).Distinct().Count() <= 1
            && encodings.Count <= 1 && encodings.All(f =>
                f.Second.Equals("chunked", StringComparison.OrdinalIgnoreCase) && head.Groups["minor"].Value != "0");
    }

    private static Parsed Parse(string text, Func<int>? nextPiece = null, bool answersHead = false) =>
        Parse(Wire.Bytes(text), nextPiece, answersHead);

    private static Parsed Parse(byte[] message, Func<int>? nextPiece = null, bool answersHead = false)
    {
        nextPiece ??= Wire.AllAtOnce;
        message = [.. message];
        var (parser, head) = (new ResponseParser(), new ResponseHead());
        parser.Reset();
        head.Clear();
        var (received, status) = (0, ParseStatus.NeedMore);
        for (var piece = 0; status == ParseStatus.NeedMore && (received < message.Length || piece == 0); piece++)
        {
            received = (int)Math.Min(message.Length, (long)received + nextPiece());
            var start = piece % 3;
            var bytes = Wire.Place(message.AsSpan(0, received), start);
            status = parser.Parse(head, bytes, start, received, answersHead);
            bytes.AsSpan(start, received).CopyTo(message); // Where it was rewritten, it stays so.
            Assert.InRange(parser.HeadLength, 0, received);
        }

        if (status != ParseStatus.Complete)
            return new Parsed(status, 0, 0, "", 0, 0, 0, false, "");
        var fields = new List<string>();
        foreach (ref readonly var field in head.Fields.Fields)
        {
            Assert.InRange(field.LineEnd, field.LineStart, parser.HeadLength - 2);
            fields.Add($"{Wire.Text(head.Fields.Name(field))}={Wire.Text(head.Fields.Value(field))}");
        }

        return new Parsed(
            status, parser.HeadLength, head.Status, Wire.Text(head.Reason), head.MinorVersion, head.Framing, head.ContentLength,
            head.IsPersistent, string.Join('\n', fields));
    }

    [GeneratedRegex(
        @"\AHTTP/1\.(?<minor>[0-9]) [1-9][0-9][0-9](?: [^\r\n\0]*)?\r\n"
        + @"(?:(?<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[\t ]*:(?<value>[^\r\n\0]*)\r\n)*\z")]
    private static partial Regex Whole();

    private sealed record Parsed(
        ParseStatus Status, int HeadLength, int Code, string Reason, int MinorVersion, BodyFraming Framing, long ContentLength,
        bool IsPersistent, string Fields);

    private sealed record Generated(string Text, bool AnswersHead, Parsed Meaning);
}

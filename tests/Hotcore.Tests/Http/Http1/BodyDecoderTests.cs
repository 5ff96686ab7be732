using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Hotcore.Http.Http1;

public sealed partial class BodyDecoderTests
{
    public static readonly TheoryData<string, string, string> Accepted = new()
    {
        { "0\r\n\r\n", "", "" },
        { "5\r\nhello\r\n0\r\n\r\n", "hello", "" },
        { "00005\r\nhello\r\n000000000000000\r\n\r\n", "hello", "" },
        { "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", "" },
        { "2\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\n", "\r\n0", "" },
        { "5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n", "hello", "" },
        { "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello", "" },
        { "1\r\nx\r\n0\r\nA: b\r\nC:d \r\n\r\n", "x", "A=b\nC=d" },
    };

    public static readonly TheoryData<string> Refused =
    [
        "\r\n",
        "\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\t\r\nhello\r\n0\r\n\r\n",
        "5 a\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\0b\r\nhello\r\n0\r\n\r\n",
        "g\r\n",
        ";a\r\n\r\n",
        "1234567890abcdef\r\n",
        "0000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\n",
        "0\r\n\n",
        "0\r\n folded: a\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\nA: b\rc\r\n\r\n",
        "0\r\nnothing\r\n\r\n",
    ];

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Chunks_are_taken_out_of_their_framing(string text, string content, string trailers)
    {
        var decoded = Decode(text + "next");

        Assert.Equal(new Decoded(BodyEvent.End, content, trailers, text.Length), decoded);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void Broken_framing_is_refused(string text) => Assert.Equal(BodyEvent.Invalid, Decode(text).Outcome);

    [Fact]
    public void Where_the_pieces_are_cut_changes_nothing()
    {
        foreach (var text in Accepted.Select(row => row.Data.Item1).Concat(Refused.Select(row => row.Data)))
        {
            var whole = Decode(text + "5\r\n");
            Assert.Equal(whole, Decode(text + "5\r\n", Wire.ByteByByte));
            for (var split = 1; split < text.Length; split++)
                Assert.Equal(whole, Decode(text + "5\r\n", Wire.SplitAt(split)));
        }
    }

    [Fact]
    public void A_body_that_is_cut_off_is_never_complete()
    {
        foreach (var text in Accepted.Select(row => row.Data.Item1))
        {
            for (var length = 0; length < text.Length; length++)
                Assert.Equal(BodyEvent.NeedMore, Decode(text[..length]).Outcome);
        }
    }

    [Theory]
    [InlineData(BodyDecoder.MostChunkLineBytes, BodyEvent.End)]
    [InlineData(BodyDecoder.MostChunkLineBytes + 1, BodyEvent.Invalid)]
    internal void A_chunk_line_may_have_4_KiB(int length, BodyEvent outcome)
    {
        var text = $"1;{new string('e', length - 3)}\r\nx\r\n0\r\n\r\n"; // Without its LF, as what waits for one is counted.

        Assert.Equal(outcome, Decode(text).Outcome);
        Assert.Equal(outcome, Decode(text, Wire.ByteByByte).Outcome);
    }

    [Theory]
    [InlineData(BodyDecoder.MostTrailerBytes, BodyEvent.End)]
    [InlineData(BodyDecoder.MostTrailerBytes + 1, BodyEvent.Invalid)]
    internal void A_trailer_section_may_have_32_KiB(int length, BodyEvent outcome)
    {
        var text = $"0\r\nA: {new string('v', length - 7)}\r\n\r\n";

        Assert.Equal(outcome, Decode(text).Outcome);
        Assert.Equal(outcome, Decode(text, () => 97).Outcome);
    }

    [Theory]
    [InlineData(128, BodyEvent.End)]
    [InlineData(129, BodyEvent.Invalid)]
    internal void A_trailer_section_may_have_128_fields(int count, BodyEvent outcome) => Assert.Equal(
        outcome, Decode("0\r\n" + string.Concat(Enumerable.Range(1, count).Select(n => $"A{n}: b\r\n")) + "\r\n").Outcome);

    [Theory]
    [InlineData("1;")]
    [InlineData("0\r\nA: ")]
    [InlineData("")]
    public void A_line_without_end_is_refused_before_it_fills_a_buffer(string begin) =>
        Assert.Equal(BodyEvent.Invalid, Decode(begin + new string('a', 60 * 1024), () => 1000).Outcome);

    [Fact]
    public void A_chunk_may_be_larger_than_any_buffer()
    {
        var decoder = new BodyDecoder();
        decoder.Reset(BodyFraming.Chunked, 0);
        var bytes = Wire.Bytes("fffffffffffffff\r\nabc");

        Assert.Equal(BodyEvent.Content, decoder.Take(bytes, 0, bytes.Length, out var skip, out var content));
        Assert.Equal((17, 3), (skip, content));
        Assert.Equal(BodyEvent.NeedMore, decoder.Take(bytes, bytes.Length, 0, out _, out _));
        Assert.False(decoder.EndOfConnectionCompletes());
    }

    [Theory]
    [InlineData(0, "", BodyEvent.End, "")]
    [InlineData(5, "hello", BodyEvent.End, "hello")]
    [InlineData(5, "hello, next", BodyEvent.End, "hello")]
    [InlineData(5, "hell", BodyEvent.NeedMore, "hell")]
    internal void A_length_ends_a_body_to_the_byte(long length, string text, BodyEvent outcome, string content)
    {
        foreach (var pieces in new[] { Wire.AllAtOnce, Wire.ByteByByte })
            Assert.Equal((outcome, content), Short(Decode(text, pieces, BodyFraming.Length, length)));
        static (BodyEvent, string) Short(Decoded decoded) => (decoded.Outcome, decoded.Content);
    }

    [Fact]
    public void Only_a_body_without_framing_ends_with_its_connection()
    {
        Assert.Equal("all there is", Decode("all there is", framing: BodyFraming.UntilClose).Content);
        foreach (var framing in new[] { BodyFraming.UntilClose, BodyFraming.Length, BodyFraming.Chunked })
        {
            var decoder = new BodyDecoder();
            decoder.Reset(framing, 5);
            Assert.Equal(framing == BodyFraming.UntilClose, decoder.EndOfConnectionCompletes());
        }
    }

    [Fact]
    public void A_decoder_serves_one_body_after_another()
    {
        var decoder = new BodyDecoder();
        decoder.Reset(BodyFraming.Chunked, 0);
        Assert.Equal("A=b", Decode(Wire.Bytes("0\r\nA: b\r\n\r\n"), Wire.AllAtOnce, decoder).Trailers);
        decoder.Reset(BodyFraming.Chunked, 0);
        Assert.Equal(new Decoded(BodyEvent.End, "x", "", 11), Decode(Wire.Bytes("1\r\nx\r\n0\r\n\r\n"), Wire.AllAtOnce, decoder));
        decoder.Reset(BodyFraming.None, 0);
        Assert.True(decoder.IsComplete);
    }

    [Fact]
    public void What_an_independent_encoder_chunks_comes_out_as_it_went_in() => Cases.Check(
        Encode,
        encoded =>
        {
            var expected = new Decoded(BodyEvent.End, encoded.Content, encoded.Trailers, encoded.Text.Length);
            Assert.Equal(expected, Decode(encoded.Text + "GET"));
            Assert.Equal(expected, Decode(encoded.Text + "GET", Wire.RandomPieces(encoded.Text.Length)));
        });

    [Fact]
    public void Damaged_chunks_yield_exactly_what_a_simple_reference_yields() => Cases.Check(
        random => Cases.Mutate(random, Wire.Bytes(Encode(random).Text)),
        bytes =>
        {
            var expected = DecodeByReference(Wire.Text(bytes));
            Assert.Equal(expected, Decode(bytes, Wire.AllAtOnce));
            Assert.Equal(expected, Decode(bytes, Wire.RandomPieces(bytes.Length)));
        });

    private static Encoded Encode(Random random)
    {
        var (text, content, trailers) = (new StringBuilder(), new StringBuilder(), new List<string>());
        for (var i = random.Next(6); i > 0; i--)
        {
            var piece = Wire.Text(Cases.Noise(random, random.Next(8) == 0 ? 700 : 20));
            if (piece.Length == 0)
                continue;
            content.Append(piece);
            var size = piece.Length.ToString(random.Next(2) == 0 ? "x" : "X").PadLeft(random.Next(1, 16), '0');
            text.Append($"{size}{Extension(random)}\r\n{piece}\r\n");
        }

        text.Append($"{new string('0', random.Next(1, 16))}{Extension(random)}\r\n");
        for (var i = random.Next(-3, 4); i > 0; i--)
        {
            var (name, value) = (Wire.Token(random, 10), Wire.Value(random, 20));
            trailers.Add($"{name}={value}");
            text.Append($"{name}: {value}\r\n");
        }

        return new Encoded(text.Append("\r\n").ToString(), content.ToString(), string.Join('\n', trailers));
    }

    private static string Extension(Random random) => random.Next(4) switch
    {
        0 => $";{Wire.Token(random, 9)}",
        1 => $" ; {Wire.Token(random, 9)} = \"{Wire.Value(random, 9).Replace('"', ' ').Replace('\\', ' ')}\";{Wire.Token(random, 2)}",
        _ => "",
    };

    /// <summary>Chunked decoding once more, as plainly as can be: over the whole text, with regular expressions.</summary>
    private static Decoded DecodeByReference(string text)
    {
        var (content, trailers, position) = ("", new List<string>(), 0);
        Decoded Result(BodyEvent outcome) =>
            outcome == BodyEvent.End ? new(outcome, content, string.Join('\n', trailers), position) : new(outcome, content, "", 0);
        while (true)
        {
            if (!TakeLine(out var line))
                return Result(BodyEvent.NeedMore);
            if (SizeLine().Match(line) is not { Success: true } match)
                return Result(BodyEvent.Invalid);
            var size = Convert.ToInt64(match.Groups[1].Value, 16);
            if (size == 0)
                break;
            var there = (int)Math.Min(size, text.Length - position);
            content += text.Substring(position, there);
            position += there;
            var end = text[position..Math.Min(text.Length, position + 2)];
            if (there < size || end is "" or "\r")
                return Result(BodyEvent.NeedMore);
            if (end != "\r\n")
                return Result(BodyEvent.Invalid);
            position += 2;
        }

        while (true)
        {
            if (!TakeLine(out var line))
                return Result(BodyEvent.NeedMore);
            if (line == "\r")
                return Result(BodyEvent.End);
            if (TrailerLine().Match(line) is not { Success: true } match)
                return Result(BodyEvent.Invalid);
            trailers.Add($"{match.Groups[1].Value}={match.Groups[2].Value.Trim(' ', '\t')}");
        }

        bool TakeLine(out string line)
        {
            var feed = text.IndexOf('\n', position);
            line = feed < 0 ? "" : text[position..feed];
            position = feed < 0 ? position : feed + 1;
            return feed >= 0;
        }
    }

    private static Decoded Decode(
        string text, Func<int>? nextPiece = null, BodyFraming framing = BodyFraming.Chunked, long length = 0)
    {
        var decoder = new BodyDecoder();
        decoder.Reset(framing, length);
        return Decode(Wire.Bytes(text), nextPiece ?? Wire.AllAtOnce, decoder);
    }

    private static Decoded Decode(byte[] message, Func<int> nextPiece)
    {
        var decoder = new BodyDecoder();
        decoder.Reset(BodyFraming.Chunked, 0);
        return Decode(message, nextPiece, decoder);
    }

    /// <summary>Does what the copier of bodies does: gives what has come, consumes what was taken, asks for more.</summary>
    private static Decoded Decode(byte[] message, Func<int> nextPiece, BodyDecoder decoder)
    {
        var (consumed, received, content) = (0, 0, new StringBuilder());
        for (var turn = 0; ; turn++)
        {
            var (start, count) = (turn % 3, received - consumed);
            var bytes = Wire.Place(message.AsSpan(consumed, count), start);
            var outcome = decoder.Take(bytes, start, count, out var skip, out var length);
            Assert.InRange(skip, 0, count);
            Assert.InRange(length, 0, count - skip);
            Assert.Equal(outcome == BodyEvent.Content, length > 0);
            content.Append(Wire.Text(bytes.AsSpan(start + skip, length)));
            consumed += skip + length;
            if (outcome == BodyEvent.End)
                return new Decoded(outcome, content.ToString(), Describe(decoder.Trailers), consumed);
            if (outcome == BodyEvent.Invalid || (outcome == BodyEvent.NeedMore && received == message.Length))
                return new Decoded(outcome, content.ToString(), "", 0);
            if (outcome == BodyEvent.NeedMore)
                received = (int)Math.Min(message.Length, (long)received + nextPiece());
        }
    }

    private static string Describe(FieldSection trailers)
    {
        var lines = new List<string>();
        foreach (ref readonly var field in trailers.Fields)
            lines.Add($"{Wire.Text(trailers.Name(field))}={Wire.Text(trailers.Value(field))}");
        return string.Join('\n', lines);
    }

    [GeneratedRegex(
        @"\A([0-9A-Fa-f]{1,15})"
        + @"(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
        + @"(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|""(?:[\t !#-\[\]-~\x80-\xFF]|\\[\t -~\x80-\xFF])*""))?)*\r\z")]
    private static partial Regex SizeLine();

    [GeneratedRegex(@"\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xFF]*)\r\z")]
    private static partial Regex TrailerLine();

    internal sealed record Decoded(BodyEvent Outcome, string Content, string Trailers, int Consumed);

    private sealed record Encoded(string Text, string Content, string Trailers);
}

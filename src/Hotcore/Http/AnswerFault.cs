using System.Globalization;
using System.Text;

namespace Hotcore.Http;

/// <summary>What is wrong with an app's answer, in words for the app's owner. Made only where something is.</summary>
/// <param name="Kind">The flaw by itself, the same for all answers that have it.</param>
/// <param name="Words">
/// What happened, to be read behind "port 8080": <c>answered with 'Content-Length: x1', which is no number</c>. Visible ASCII and
/// blanks, without a quotation mark.
/// </param>
internal sealed record AnswerFault(string Kind, string Words)
{
    private const int MostShownBytes = 80;

    /// <summary>What came is not what may come; <paramref name="words"/> are of the answer itself.</summary>
    public static AnswerFault Of(ReadOnlySpan<byte> words, string flaw) => new(flaw, $"answered with '{Show(words)}', {flaw}");

    /// <summary>What came has a flaw that no part of it shows by itself; these words say all of it, and never anything else.</summary>
    public static AnswerFault Of(string flaw) => new(flaw, flaw);

    /// <summary>The connection ended, or fell silent, in the middle of a head.</summary>
    public static AnswerFault OfUnfinishedHead(ReadOnlySpan<byte> received)
    {
        const string Flaw = "which is where its answer broke off";
        var line = received.IndexOf("\r\n"u8);
        return Of(line < 0 ? received : received[..line], Flaw);
    }

    private static string Show(ReadOnlySpan<byte> words)
    {
        var shown = new StringBuilder();
        foreach (var one in words[..Math.Min(words.Length, MostShownBytes)])
        {
            // What would end the quotation, or the line, or disguise it.
            if (one is < 0x20 or > 0x7E or (byte)'\'' or (byte)'"' or (byte)'\\')
                shown.Append(CultureInfo.InvariantCulture, $"\\x{one:x2}");
            else
                shown.Append((char)one);
        }

        return words.Length > MostShownBytes ? shown.Append("...").ToString() : shown.ToString();
    }
}

using System.Text;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>Damages messages as an attacker or a broken program does. The same seed, the same damage.</summary>
public sealed class Mutation(int seed)
{
    private static readonly string[] Morsels =
    [
        "\r", "\n", "\r\n", "\r\n\r\n", "\0", " ", "\t", ":", ";", ",", "\"", "\v", "\u007f", "\u00ff", "\u0080",
        "Content-Length: 5\r\n", "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n", "Connection: Upgrade\r\nUpgrade: bytes\r\n", "Expect: 100-continue\r\n",
        "Host: b.example.com\r\n", "0\r\n\r\n", "ffffffffffffffff\r\n", "HTTP/1.1", "HTTP/1.0", "GET / HTTP/1.1\r\n", "-1",
    ];

    private readonly Random _random = new(seed);

    /// <summary>One of the messages, changed in one to four places.</summary>
    public string Of(IReadOnlyList<string> messages)
    {
        var text = new StringBuilder(messages[_random.Next(messages.Count)]);
        for (var changes = _random.Next(1, 5); changes > 0 && text.Length > 0; changes--)
            Change(text, messages);
        return text.ToString();
    }

    private void Change(StringBuilder text, IReadOnlyList<string> messages)
    {
        var at = _random.Next(text.Length);
        var length = _random.Next(1, Math.Min(20, text.Length - at) + 1);
        switch (_random.Next(7))
        {
            case 0:
                text[at] = (char)_random.Next(256);
                break;
            case 1:
                text[at] ^= (char)(1 << _random.Next(8));
                break;
            case 2:
                text.Insert(at, Morsels[_random.Next(Morsels.Length)]);
                break;
            case 3:
                text.Remove(at, length);
                break;
            case 4:
                text.Insert(at, text.ToString(at, length));
                break;
            case 5:
                text.Length = at;
                break;
            default:
                var other = messages[_random.Next(messages.Count)];
                text.Length = at;
                text.Append(other.AsSpan(_random.Next(other.Length)));
                break;
        }
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Hotcore.Mappings;

/// <summary>
/// One line of the mapping file, in both directions: <c>add a-app.com 8080 2026-11-22T08:00:00Z 1c291ca3</c> or
/// <c>remove a-app.com 5f0e3b12</c>. The last word is the CRC32C, in hexadecimal, of all that stands before its blank.
/// </summary>
internal static class MappingLine
{
    /// <summary>The first line of every file; the number is that of the format.</summary>
    public const string Header = "hotcore mappings 1";

    /// <summary>No line is longer, its end not counted: what is longer is damage.</summary>
    public const int MaxBytes = 320;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";
    private const int ChecksumDigits = 8;

    /// <summary>Appends a line and its end.</summary>
    public static void Write(IBufferWriter<byte> output, MappingChange change)
    {
        var text = change.Mapping is Mapping mapping
            ? $"add {mapping.Domain} {mapping.Port} {FormatTime(mapping.MadeAt)}"
            : $"remove {change.Domain}";
        var line = output.GetSpan(MaxBytes + 1);
        var length = Encoding.ASCII.GetBytes(text, line);
        var checksum = Checksum(line[..length]);
        line[length++] = (byte)' ';
        Utf8Formatter.TryFormat(checksum, line[length..], out var digits, new StandardFormat('x', ChecksumDigits));
        line[length + digits] = (byte)'\n';
        output.Advance(length + digits + 1);
    }

    /// <summary>Reads a line without its end; false for one that is damaged in any way.</summary>
    public static bool TryParse(ReadOnlySpan<byte> line, out MappingChange change)
    {
        change = default;
        var end = line.Length - ChecksumDigits - 1;
        if (end < 1 || line.Length > MaxBytes || line[end] != ' ') return false;
        var read = Utf8Parser.TryParse(line[(end + 1)..], out uint checksum, out var digits, 'x');
        if (!read || digits != ChecksumDigits || checksum != Checksum(line[..end])) return false;
        var words = Encoding.ASCII.GetString(line[..end]).Split(' ');
        if (words.Length < 2 || !DomainName.TryParse(words[1], out var domain, out _)) return false;
        return words[0] switch
        {
            "add" => TryParseAdd(words, domain, out change),
            "remove" => TryParseRemove(words, domain, out change),
            _ => false,
        };
    }

    /// <summary>A time as RFC 3339 has it, UTC, in whole seconds.</summary>
    public static string FormatTime(DateTimeOffset time) =>
        time.ToUniversalTime().ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static bool TryParseAdd(string[] words, DomainName domain, out MappingChange change)
    {
        change = default;
        if (words.Length != 4 || !Mapping.TryParsePort(words[2], out var port)) return false;
        const DateTimeStyles utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        var culture = CultureInfo.InvariantCulture;
        if (!DateTimeOffset.TryParseExact(words[3], TimeFormat, culture, utc, out var madeAt)) return false;
        change = new MappingChange(domain, new Mapping(domain, port, madeAt));
        return true;
    }

    private static bool TryParseRemove(string[] words, DomainName domain, out MappingChange change)
    {
        change = new MappingChange(domain, null);
        return words.Length == 2;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}

using System.Text;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Writes mapping files as hotcore does, with times of the past: the one way to a mapping that was not made just now.
/// The first line, and the shape of the others, are taken from a file that the product itself wrote.
/// </summary>
public static partial class OldMappings
{
    /// <summary>Starts hotcore over mappings that were made years ago.</summary>
    public static async Task<RunningHotcore> Start(params (string Domain, int Port)[] mappings)
    {
        var (header, time) = await AskTheProduct();
        var old = "2020" + time[4..];
        var lines = mappings.Select(mapping => WithChecksum($"add {mapping.Domain} {mapping.Port} {old}"));
        var text = string.Concat(header.Concat(lines).Select(line => line + "\n"));
        var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Prepare = folder => File.WriteAllText(Path.Combine(folder, "mappings"), text),
        });
        if (!(await hotcore.List()).OrderBy(m => m.Domain).SequenceEqual(mappings.OrderBy(m => m.Domain)))
        {
            await hotcore.DisposeAsync();
            throw new InvalidOperationException($"hotcore did not take these mappings as its own:\n{text}");
        }
        return hotcore;
    }

    /// <summary>A line of the mapping file: the text, a space, and the CRC-32C of the text.</summary>
    public static string WithChecksum(string text) => $"{text} {Crc32C(Encoding.UTF8.GetBytes(text)):x8}";

    /// <summary>The first line(s) of a mapping file, and a time as the product writes it.</summary>
    private static async Task<(List<string> Header, string Time)> AskTheProduct()
    {
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Add("shape.example.com", 4711);
        var lines = await File.ReadAllLinesAsync(hotcore.MappingFile);
        var own = lines.Single(line => line.StartsWith("add "));
        var match = MappingLine().Match(own);
        if (!match.Success || WithChecksum(own[..own.LastIndexOf(' ')]) != own)
            throw new InvalidOperationException($"not \"add <domain> <port> <time> <crc-32c>\": {own}");
        return ([.. lines.TakeWhile(line => line != own)], match.Groups[1].Value);
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78u);
        }
        return ~crc;
    }

    [GeneratedRegex(@"^add \S+ \d+ (\d{4}-\d\d-\d\dT\S+) [0-9a-f]{8}$")]
    private static partial Regex MappingLine();
}

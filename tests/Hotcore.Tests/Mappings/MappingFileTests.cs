using System.Buffers;
using System.Text;
using Xunit;

namespace Hotcore.Mappings;

public sealed class MappingFileTests : IDisposable
{
    private const string Three =
        "hotcore mappings 1\n"
        + "add a.com 8080 2026-11-22T08:00:00Z 30113e92\n"
        + "add b.com 9000 2026-11-22T08:00:01Z 24c5d63c\n"
        + "remove a.com 6d30bbfc\n"
        + "add c.com 9001 2026-11-22T08:00:02Z 3490f09c\n";

    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly LogLines _log = new();

    private string FilePath => _folder["mappings"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_are_readable_and_end_in_a_checksum()
    {
        Put(Three);
        Assert.Equal(["b.com 9000 2026-11-22T08:00:01Z", "c.com 9001 2026-11-22T08:00:02Z"], Load());
        Assert.Empty(_log.All);
        Assert.Equal(Three, File.ReadAllText(FilePath));
    }

    [Fact]
    public void A_folder_without_a_file_gets_one_that_only_its_owner_reads()
    {
        Assert.Empty(Load());
        Assert.Equal("hotcore mappings 1\n", File.ReadAllText(FilePath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public void Every_prefix_of_a_file_loads_and_keeps_all_whole_lines()
    {
        // A file that has lost its header is another matter: that is damage.
        for (var length = "hotcore mappings 1\n".Length; length <= Three.Length; length++)
        {
            var prefix = Three[..length];
            Put(prefix);
            var ends = prefix.Count(character => character == '\n');
            string[] expected = ends switch
            {
                0 or 1 => [],
                2 => ["a.com"],
                3 => ["a.com", "b.com"],
                4 => ["b.com"],
                _ => ["b.com", "c.com"],
            };
            Assert.Equal(expected, Load().Select(mapping => mapping.Split(' ')[0]));
            var whole = prefix[..(prefix.LastIndexOf('\n') + 1)];
            Assert.Equal(whole.Length == 0 ? "hotcore mappings 1\n" : whole, File.ReadAllText(FilePath));
        }
        Assert.Empty(Directory.GetFiles(_folder.Path, "*damaged*"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0\0\0\0\0\0\0\0")]
    [InlineData("hotcore mapp")]
    [InlineData("hotcore mappings 1\n\0\0\0\0\0\0\0\0")]
    public void What_no_unfinished_append_leaves_behind_is_damage_and_set_aside(string content)
    {
        Put(content);
        Assert.Empty(Load());
        var aside = Assert.Single(Directory.GetFiles(_folder.Path, "*damaged*"));
        Assert.Equal(content, File.ReadAllText(aside));
        Assert.Equal("hotcore mappings 1\n", File.ReadAllText(FilePath));
    }

    [Fact]
    public void A_torn_end_is_cut_off_and_logged()
    {
        Put(Three + "add d.com 80");
        Assert.Equal(2, Load().Length);
        Assert.Equal(Three, File.ReadAllText(FilePath));
        Assert.Contains("unfinished line of 12 bytes", Assert.Single(_log.All), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_is_set_aside_and_its_whole_lines_are_used()
    {
        var damaged = Three.Replace("b.com 9000", "b.com 9009", StringComparison.Ordinal) + "garbage\n";
        Put(damaged);
        Assert.Equal(["c.com 9001 2026-11-22T08:00:02Z"], Load());
        Assert.Equal(damaged, File.ReadAllText(_folder["mappings.damaged-20261122T080000Z"]));
        Assert.Contains(_log.All, line => line.Contains("2 damaged lines", StringComparison.Ordinal));
        Assert.Single(Load());

        Put("more garbage\n");
        Assert.Empty(Load());
        Assert.Equal(damaged, File.ReadAllText(_folder["mappings.damaged-20261122T080000Z"]));
        Assert.Equal("more garbage\n", File.ReadAllText(_folder["mappings.damaged-20261122T080000Z-2"]));
    }

    [Fact]
    public void A_file_without_its_header_is_damaged_but_read()
    {
        Put(Three[(Three.IndexOf('\n') + 1)..]);
        Assert.Equal(2, Load().Length);
        Assert.Single(Directory.GetFiles(_folder.Path, "*damaged*"));
    }

    [Fact]
    public void A_folder_in_the_place_of_the_file_is_set_aside()
    {
        Directory.CreateDirectory(FilePath);
        Assert.Empty(Load());
        Assert.True(Directory.Exists(_folder["mappings.damaged-20261122T080000Z"]));
        Assert.True(File.Exists(FilePath));
    }

    [Fact]
    public void A_crash_between_setting_aside_and_replacing_loses_nothing()
    {
        File.WriteAllText(_folder["mappings.new"], Three);
        Assert.Equal(2, Load().Length);
        Assert.False(File.Exists(_folder["mappings.new"]));
    }

    [Fact]
    public void A_disk_that_refuses_to_replace_a_damaged_file_does_not_stop_the_start_nor_take_the_file()
    {
        var damaged = Three + "garbage\n";
        Put(damaged);
        using var file = MappingFile.Open(_folder.Path, _clock, _log.Write, (_, _, _) => throw Full());
        Assert.Equal(2, file.Loaded.Count);
        Assert.Throws<IOException>(() => file.Append("x\n"u8, 1, file.Loaded));
        Assert.Equal(damaged, File.ReadAllText(FilePath));
    }

    [Fact]
    public void Any_flipped_bit_of_a_line_is_noticed()
    {
        var line = Encoding.ASCII.GetBytes(Three.Split('\n')[1]);
        Assert.True(MappingLine.TryParse(line, out _));
        for (var bit = 0; bit < line.Length * 8; bit++)
        {
            byte[] flipped = [.. line];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            // In the checksum itself, a flip can make the upper case of the same digit.
            if (!Ascii.EqualsIgnoreCase(flipped, line))
                Assert.False(MappingLine.TryParse(flipped, out _), Encoding.ASCII.GetString(flipped));
        }
    }

    [Fact]
    public void A_line_reads_back_as_it_was_written() => Cases.Check(GenerateChange, change =>
    {
        var line = new ArrayBufferWriter<byte>();
        MappingLine.Write(line, change);
        Assert.InRange(line.WrittenCount, 1, MappingLine.MaxBytes + 1);
        Assert.True(MappingLine.TryParse(line.WrittenSpan[..^1], out var read));
        Assert.Equal(Show(change), Show(read));
    });

    [Fact]
    public void Any_mutated_file_is_read_to_its_end_and_only_whole_lines_count() =>
        Cases.Check(random => Cases.Mutate(random, Encoding.ASCII.GetBytes(Three)), CheckReading);

    [Fact]
    public void Any_noise_is_read_to_its_end_and_holds_nothing() =>
        Cases.Check(random => Cases.Noise(random, 5000), CheckReading);

    [Fact]
    public void A_line_without_end_takes_no_memory()
    {
        using var endless = new MemoryStream(new byte[20_000_000]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var reader = MappingFileReader.Read(endless);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.Equal(20_000_000, reader.TornLength);
    }

    [Fact]
    public void A_hundred_thousand_mappings_load()
    {
        using (var file = MappingFile.Open(_folder.Path, _clock, _log.Write))
        {
            var lines = new ArrayBufferWriter<byte>();
            for (var i = 0; i < 100_000; i++)
            {
                var domain = MappingSnapshotTests.Name($"app-{i}.example.com");
                MappingLine.Write(lines, new MappingChange(domain, new Mapping(domain, 8080, _clock.GetUtcNow())));
            }
            file.Append(lines.WrittenSpan, 100_000, file.Loaded);
        }
        using var again = MappingFile.Open(_folder.Path, _clock, _log.Write);
        Assert.Equal(100_000, again.Loaded.Count);
        Assert.NotNull(again.Loaded.Find("app-99999.example.com"u8));
    }

    private static IOException Full() => new("No space left on device");

    private static void CheckReading(byte[] content)
    {
        var reader = MappingFileReader.Read(new MemoryStream(content));
        Assert.Equal(content.Length, reader.WholeLength + reader.TornLength);
        string[] legitimate = ["a.com 8080", "b.com 9000", "c.com 9001"];
        Assert.All(reader.Mappings, mapping => Assert.Contains($"{mapping.Domain} {mapping.Port}", legitimate));
        var ends = content.Count(value => value == '\n');
        Assert.InRange(reader.Lines + reader.DamagedLines, Math.Max(0, ends - 1), ends + 1);
    }

    private static MappingChange GenerateChange(Random random)
    {
        string name = new('a', random.Next(1, 64));
        var domain = MappingSnapshotTests.Name(string.Join('.', Enumerable.Repeat(name, random.Next(1, 4))));
        var madeAt = DateTimeOffset.FromUnixTimeSeconds(random.NextInt64(4_000_000_000));
        var mapping = random.Next(4) == 0 ? null : new Mapping(domain, random.Next(1, 65536), madeAt);
        return new MappingChange(domain, mapping);
    }

    private static string Show(MappingChange change) =>
        change.Mapping is null ? $"{change.Domain}" : Show(change.Mapping);

    private static string Show(Mapping mapping) =>
        $"{mapping.Domain} {mapping.Port} {MappingLine.FormatTime(mapping.MadeAt)}";

    private void Put(string content) => File.WriteAllText(FilePath, content);

    private string[] Load()
    {
        using var file = MappingFile.Open(_folder.Path, _clock, _log.Write);
        return [.. file.Loaded.All.Select(Show)];
    }
}

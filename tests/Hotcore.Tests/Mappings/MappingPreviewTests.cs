using System.Buffers;
using System.Text;
using Xunit;

namespace Hotcore.Mappings;

public sealed class MappingPreviewTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogLines _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_added_after_the_preview_is_read_too()
    {
        using var file = Open(null);
        Append(file, Change("a.com", 8080), Change("b.com", 8081));
        var preview = MappingPreview.Read(_folder.Path);
        Append(file, Change("a.com", null), Change("b.com", 9000), Change("c.com", 9001));

        using var again = Open(preview);
        Append(again, Change("d.com", 9002));

        Assert.Equal(["b.com 9000", "c.com 9001"], again.Loaded.All.Select(mapping => $"{mapping.Domain} {mapping.Port}"));
        using var third = Open(null);
        Assert.Equal(["b.com", "c.com", "d.com"], third.Loaded.All.Select(mapping => $"{mapping.Domain}"));
        Assert.Empty(_log.All);
    }

    [Fact]
    public void A_file_that_is_not_there_or_is_damaged_has_no_preview()
    {
        Assert.Null(MappingPreview.Read(_folder.Path));
        File.WriteAllText(_folder["mappings"], "garbage\n");
        Assert.Null(MappingPreview.Read(_folder.Path));
    }

    /// <summary>It grew, was written anew, was cut back and grew again, or was damaged.</summary>
    [Fact]
    public void Whatever_becomes_of_a_file_after_its_preview_it_is_read_as_if_there_had_been_none() => Cases.Check(Generate, both =>
    {
        if (MappingPreview.Of(both.Before) is not { } preview)
            return;
        var expected = MappingFileReader.Read(new MemoryStream(both.After));
        using var stream = new MemoryStream(both.After);
        if (!preview.IsStartOf(stream))
        {
            Assert.False(both.After.AsSpan().StartsWith(both.Before[..(int)preview.WholeLength]));
            return;
        }

        var reader = MappingFileReader.ReadBehind(preview, stream);

        Assert.Equal(
            (expected.WholeLength, expected.TornLength, expected.Lines, expected.DamagedLines),
            (reader.WholeLength, reader.TornLength, reader.Lines, reader.DamagedLines));
        Assert.Equal(
            Shown(MappingSnapshot.Create(expected.Mappings)), Shown(preview.Snapshot.With(reader.Changes)));
    });

    private static (byte[] Before, byte[] After) Generate(Random random)
    {
        var before = Content(random);
        if (random.Next(4) == 0)
            before = before[..random.Next(before.Length + 1)];
        return random.Next(4) switch
        {
            0 => (before, Content(random)),
            1 => (before, Cases.Mutate(random, before)),
            2 => (before, [.. before, .. Cases.Mutate(random, Lines(random))]),
            _ => (before, [.. before, .. Lines(random)]),
        };
    }

    private static byte[] Content(Random random) => [.. Encoding.ASCII.GetBytes(MappingLine.Header + "\n"), .. Lines(random)];

    private static byte[] Lines(Random random)
    {
        var lines = new ArrayBufferWriter<byte>();
        for (var i = random.Next(6); i > 0; i--)
            MappingLine.Write(lines, Change($"{(char)random.Next('a', 'e')}.com", random.Next(3) == 0 ? null : random.Next(1, 9)));
        return lines.WrittenSpan.ToArray();
    }

    private static string Shown(MappingSnapshot mappings) =>
        string.Join(' ', mappings.All.Select(mapping => $"{mapping.Domain} {mapping.Port}"));

    private static MappingChange Change(string name, int? port)
    {
        var domain = MappingSnapshotTests.Name(name);
        return new MappingChange(domain, port is { } number ? new Mapping(domain, number, DateTimeOffset.UnixEpoch) : null);
    }

    private static void Append(MappingFile file, params MappingChange[] changes)
    {
        var lines = new ArrayBufferWriter<byte>();
        foreach (var change in changes)
            MappingLine.Write(lines, change);
        file.Append(lines.WrittenSpan, changes.Length, file.Loaded);
    }

    private MappingFile Open(MappingPreview? preview) =>
        MappingFile.Open(_folder.Path, TimeProvider.System, _log.Write, preview: preview);
}

using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>A change is on disk before it is acknowledged, and a damaged file never stops the start.</summary>
public class Durability
{
    [Fact]
    public async Task Every_acknowledged_mapping_is_there_after_each_kill()
    {
        const int kills = 16;
        const int additions = 10_000;
        var random = new Random(3);
        var changes = new ManyChanges([.. Enumerable.Range(0, additions).Select(i => ($"d{i}.example.com", 10_000 + i))]);
        await using var hotcore = await RunningHotcore.Start();

        for (var kill = 1; kill <= kills; kill++)
        {
            // Spread over the whole, each at an acknowledgement picked at random: always in the midst of others.
            var killAt = Math.Min((kill - 1) * additions / kills + random.Next(1, additions / kills), additions);
            using var stop = new CancellationTokenSource();
            Task? killing = null;
            await changes.Send(hotcore.ControlAddress, stop.Token, acknowledged =>
            {
                if (acknowledged < killAt || killing != null)
                    return;
                killing = hotcore.Kill();
                stop.Cancel();
            });
            await killing!;
            await hotcore.StartAgain();
            await ExpectAll(hotcore, changes, kill);
        }

        await changes.Send(hotcore.ControlAddress);
        Assert.True(changes.IsDone);
        await ExpectAll(hotcore, changes, kills + 1);
    }

    [Fact]
    public async Task Changes_and_removals_survive_a_kill()
    {
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Add("changed.example.com", 8000);
        await hotcore.Add("changed.example.com", 8001);
        await hotcore.Add("removed.example.com", 8002);
        await hotcore.Control("remove removed.example.com");
        await hotcore.Add("again.example.com", 8003);
        await hotcore.Control("remove again.example.com");
        await hotcore.Add("again.example.com", 8004);

        await hotcore.Kill();
        await hotcore.StartAgain();

        Assert.Equal([("again.example.com", 8004), ("changed.example.com", 8001)], await hotcore.List());
    }

    [Fact]
    public async Task The_file_stays_small_when_one_mapping_changes_often()
    {
        await using var hotcore = await RunningHotcore.Start();
        using var socket = new ControlSocket(hotcore.ControlAddress);

        for (var i = 0; i < 20_000; i++)
        {
            await socket.Send(Encoding.ASCII.GetBytes($"add a.example.com {10_000 + i % 2}"));
            if (i % 64 == 63)
            {
                for (var reply = 0; reply < 64; reply++)
                    Assert.NotNull(await socket.Receive());
            }
        }
        await hotcore.Add("a.example.com", 9999);

        // 20,000 lines would be over 1 MB. "Now and then" leaves room for some thousand.
        await Wait.Until(() => new FileInfo(hotcore.MappingFile).Length < 600_000, "a compacted file");
        await hotcore.Kill();
        await hotcore.StartAgain();
        Assert.Equal([("a.example.com", 9999)], await hotcore.List());
    }

    [Fact]
    public async Task A_last_line_that_was_cut_off_costs_only_itself()
    {
        await using var hotcore = await StartWithThree();
        await Damage(hotcore, bytes => bytes[..^10]);

        Assert.Equal([("a.example.com", 8001), ("b.example.com", 8002)], await hotcore.List());
        // And what is added behind it is read again.
        await hotcore.Add("d.example.com", 8004);
        await hotcore.Kill();
        await hotcore.StartAgain();
        Assert.Equal(
            [("a.example.com", 8001), ("b.example.com", 8002), ("d.example.com", 8004)], await hotcore.List());
    }

    [Fact]
    public async Task A_damaged_line_costs_only_itself_and_the_file_is_set_aside()
    {
        await using var hotcore = await StartWithThree();
        var damaged = await Damage(hotcore, bytes =>
        {
            var text = Encoding.ASCII.GetString(bytes);
            return Encoding.ASCII.GetBytes(text.Replace("b.example.com 8002", "b.example.com 8003"));
        });

        Assert.Equal([("a.example.com", 8001), ("c.example.com", 8003)], await hotcore.List());
        await ExpectSetAside(hotcore, damaged);
    }

    [Fact]
    public async Task A_file_of_anything_is_set_aside_and_the_start_succeeds()
    {
        await using var hotcore = await StartWithThree();
        var garbage = new byte[100_000];
        new Random(4).NextBytes(garbage);
        await Damage(hotcore, _ => garbage);

        Assert.Empty(await hotcore.List());
        await ExpectSetAside(hotcore, garbage);
        await hotcore.Add("d.example.com", 8004);
        await hotcore.Kill();
        await hotcore.StartAgain();
        Assert.Equal([("d.example.com", 8004)], await hotcore.List());
    }

    [Fact]
    public async Task An_empty_file_is_a_start_without_mappings()
    {
        await using var hotcore = await StartWithThree();
        await Damage(hotcore, _ => []);

        Assert.Empty(await hotcore.List());
        await hotcore.Add("d.example.com", 8004);
    }

    [Fact]
    public async Task State_is_readable_by_its_user_alone()
    {
        await using var hotcore = await StartWithThree();

        const UnixFileMode own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(own, File.GetUnixFileMode(hotcore.MappingFile));
    }

    private static async Task<RunningHotcore> StartWithThree()
    {
        var hotcore = await RunningHotcore.Start();
        await hotcore.Add("a.example.com", 8001);
        await hotcore.Add("b.example.com", 8002);
        await hotcore.Add("c.example.com", 8003);
        return hotcore;
    }

    private static async Task<byte[]> Damage(RunningHotcore hotcore, Func<byte[], byte[]> change)
    {
        await hotcore.Kill();
        var damaged = change(await File.ReadAllBytesAsync(hotcore.MappingFile));
        await File.WriteAllBytesAsync(hotcore.MappingFile, damaged);
        await hotcore.StartAgain();
        return damaged;
    }

    private static async Task ExpectSetAside(RunningHotcore hotcore, byte[] damaged)
    {
        var aside = Directory.GetFiles(hotcore.DataFolder)
            .Where(file => Path.GetFileName(file).StartsWith("mappings.", StringComparison.Ordinal) && File.ReadAllBytes(file).AsSpan().SequenceEqual(damaged));
        var name = Path.GetFileName(Assert.Single(aside));
        await Wait.Until(() => File.ReadAllText(hotcore.LogFile).Contains(name), $"a line about {name} in the log");
    }

    private static async Task ExpectAll(RunningHotcore hotcore, ManyChanges changes, int kill)
    {
        var there = (await hotcore.List()).ToDictionary(mapping => mapping.Domain, mapping => mapping.Port);
        var lost = changes.Acknowledged.Where(mapping => there.GetValueOrDefault(mapping.Key) != mapping.Value).ToList();
        Assert.True(
            lost.Count == 0,
            $"after kill {kill}: {lost.Count} of {changes.Acknowledged.Count} acknowledged lost, {lost.FirstOrDefault()} first");
    }
}

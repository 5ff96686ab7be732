using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Hotcore.Mappings;

public sealed class MappingTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly LogLines _log = new();
    private readonly DomainName _a = MappingSnapshotTests.Name("a.com");
    private readonly DomainName _b = MappingSnapshotTests.Name("b.com");

    private string Content => File.ReadAllText(_folder["mappings"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_change_is_on_disk_before_it_is_acknowledged()
    {
        using var flushed = new SemaphoreSlim(0);
        using var proceed = new SemaphoreSlim(0);
        using var table = Open(flushed, proceed);
        var adding = table.AddAsync(_a, 8080);
        await flushed.WaitAsync();
        Assert.False(adding.IsCompleted);
        Assert.Equal(0, table.Snapshot.Count);
        Assert.Contains("add a.com 8080 2026-11-22T08:00:00Z ", Content, StringComparison.Ordinal);
        proceed.Release();
        await adding;
        Assert.Equal(8080, table.Snapshot.Find("a.com"u8)?.Port);
    }

    [Fact]
    public async Task Changes_that_arrive_together_share_one_flush_and_one_snapshot()
    {
        using var flushed = new SemaphoreSlim(0);
        using var proceed = new SemaphoreSlim(0);
        using var table = Open(flushed, proceed);
        var first = table.AddAsync(_a, 1);
        await flushed.WaitAsync();
        Task[] rest = [.. Names(1000).Select(name => table.AddAsync(name, 2))];
        proceed.Release();
        await first;
        Assert.Equal(1, table.Snapshot.Count);
        await flushed.WaitAsync();
        proceed.Release();
        await Task.WhenAll(rest);
        Assert.Equal(1001, table.Snapshot.Count);
        Assert.Equal(0, flushed.CurrentCount);
    }

    [Fact]
    public async Task One_that_let_go_of_its_file_serves_on_and_goes_on_where_another_ended()
    {
        using var first = Open();
        await first.AddAsync(_a, 1);
        await first.LetGoAsync();
        var waiting = first.AddAsync(_b, 2);
        using (var second = Open())
        {
            Assert.Equal(1, second.Snapshot.Find("a.com"u8)?.Port);
            await second.AddAsync(_a, 3);
        }
        Assert.Equal(1, first.Snapshot.Find("a.com"u8)?.Port);
        Assert.False(waiting.IsCompleted);
        Assert.DoesNotContain("b.com", Content, StringComparison.Ordinal);

        first.TakeBack();
        await waiting;
        Assert.Equal((3, 2), (first.Snapshot.Find("a.com"u8)?.Port, first.Snapshot.Find("b.com"u8)?.Port));
        Assert.Contains("add b.com 2 ", Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_let_go_shows_what_it_is_told_until_it_takes_back()
    {
        using var first = Open();
        await first.AddAsync(_a, 1);
        MappingChange added = new(_b, new Mapping(_b, 2, _clock.GetUtcNow()));
        first.Follow([added]);
        Assert.Null(first.Snapshot.Find(_b));

        await first.LetGoAsync();
        first.Follow([added, new MappingChange(_a, null)]);
        Assert.Equal((null, 2), (first.Snapshot.Find(_a)?.Port, first.Snapshot.Find(_b)?.Port));

        first.TakeBack();
        Assert.Equal((1, null), (first.Snapshot.Find(_a)?.Port, first.Snapshot.Find(_b)?.Port));
    }

    [Fact]
    public async Task Changes_that_wait_for_a_file_that_was_let_go_of_fail_at_the_end()
    {
        Task waiting;
        using (var table = Open())
        {
            var added = table.AddAsync(_a, 1);
            await table.LetGoAsync();
            // What came before was written before.
            Assert.True(added.IsCompletedSuccessfully);
            waiting = table.AddAsync(_b, 2);
        }
        await Assert.ThrowsAsync<IOException>(() => waiting);
        Assert.DoesNotContain("b.com", Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changes_survive_a_restart_in_their_order()
    {
        using (var table = Open())
        {
            await table.AddAsync(_a, 1);
            await Task.WhenAll(table.AddAsync(_b, 2), table.RemoveAsync(_a), table.AddAsync(_b, 3));
        }
        using var again = Open();
        var mapping = Assert.Single(again.Snapshot.All);
        Assert.Equal(("b.com", 3), (mapping.Domain.ToString(), mapping.Port));
    }

    [Fact]
    public async Task A_message_repeated_within_the_second_is_fine_and_costs_no_line()
    {
        using var table = Open();
        await table.AddAsync(_a, 1);
        var made = table.Snapshot.Find(_a)!;
        var content = Content;
        await table.AddAsync(_a, 1);
        await table.RemoveAsync(_b);
        Assert.Same(made, table.Snapshot.Find(_a));
        Assert.Equal(content, Content);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Mapping_again_later_makes_the_mapping_anew(int port)
    {
        using var table = Open();
        await table.AddAsync(_a, 1);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await table.AddAsync(_a, port);
        Assert.Equal(_clock.GetUtcNow(), table.Snapshot.Find(_a)!.MadeAt);
    }

    [Fact]
    public async Task A_disk_that_fails_halfway_refuses_the_change_and_leaves_the_file_as_it_was()
    {
        var isFull = false;
        using var table = Open((file, bytes, offset) =>
        {
            Write(file, isFull ? bytes[..10] : bytes, offset);
            if (isFull) throw new IOException("No space left on device");
        });
        await table.AddAsync(_a, 1);
        var content = Content;
        var snapshot = table.Snapshot;
        isFull = true;
        var failure = await Assert.ThrowsAsync<IOException>(() => table.AddAsync(_b, 2));
        Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);
        Assert.Equal(content, Content);
        Assert.Same(snapshot, table.Snapshot);
        isFull = false;
        await table.AddAsync(_b, 3);
        Assert.Equal(2, table.Snapshot.Count);
        AssertReloadsAs("a.com 1", "b.com 3");
    }

    [Fact]
    public async Task A_file_that_cannot_be_cut_back_is_written_anew_before_the_next_change()
    {
        var isBroken = false;
        using var table = Open((file, bytes, offset) =>
        {
            Write(file, isBroken ? bytes[..10] : bytes, offset);
            if (!isBroken) return;
            file.Dispose();
            throw new IOException("Input/output error");
        });
        await table.AddAsync(_a, 1);
        isBroken = true;
        await Assert.ThrowsAsync<IOException>(() => table.AddAsync(_b, 2));
        await Assert.ThrowsAsync<IOException>(() => table.AddAsync(_b, 2));
        isBroken = false;
        await table.AddAsync(_b, 3);
        AssertReloadsAs("a.com 1", "b.com 3");
        Assert.Empty(Directory.GetFiles(_folder.Path, "*damaged*"));
    }

    [Fact]
    public async Task The_file_is_compacted_now_and_then_and_loses_nothing()
    {
        using var table = Open();
        await table.AddAsync(_b, 7);
        var changes = 0;
        do
        {
            await table.AddAsync(_a, 1 + (++changes % 60_000));
            Assert.True(changes < 50_000, "it is never compacted");
        }
        while (File.ReadLines(_folder["mappings"]).Count() > changes || changes < 1000);
        Assert.False(File.Exists(_folder["mappings.new"]));
        AssertReloadsAs($"a.com {1 + (changes % 60_000)}", "b.com 7");
    }

    [Fact]
    public async Task What_waits_is_stored_before_the_table_closes()
    {
        var table = Open();
        Task[] adding = [.. Names(500).Select(name => table.AddAsync(name, 2))];
        table.Dispose();
        await Task.WhenAll(adding);
        await Assert.ThrowsAsync<IOException>(() => table.AddAsync(_a, 1));
        using var again = Open();
        Assert.Equal(500, again.Snapshot.Count);
    }

    private static IEnumerable<DomainName> Names(int count) =>
        Enumerable.Range(0, count).Select(i => MappingSnapshotTests.Name($"n{i}.com"));

    private static void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) =>
        RandomAccess.Write(file, bytes, offset);

    private MappingTable Open(WriteAndFlush? writeAndFlush = null) =>
        MappingTable.Open(_folder.Path, _clock, _log.Write, writeAndFlush);

    /// <summary>A table whose disk says when it has written an append, and goes on when told to.</summary>
    private MappingTable Open(SemaphoreSlim flushed, SemaphoreSlim proceed) => Open((file, bytes, offset) =>
    {
        Write(file, bytes, offset);
        if (offset == 0) return;
        flushed.Release();
        proceed.Wait();
    });

    private void AssertReloadsAs(params string[] mappings)
    {
        using var stream = File.OpenRead(_folder["mappings"]);
        var reader = MappingFileReader.Read(stream);
        Assert.False(reader.IsDamaged);
        Assert.Equal(0, reader.TornLength);
        Assert.Equal(mappings, reader.Mappings.Select(mapping => $"{mapping.Domain} {mapping.Port}").Order());
    }
}

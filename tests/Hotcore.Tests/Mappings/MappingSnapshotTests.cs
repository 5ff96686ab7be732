using System.Text;
using Xunit;

namespace Hotcore.Mappings;

public class MappingSnapshotTests
{
    [Theory]
    [InlineData("a.com", true)]
    [InlineData("A.cOm", true)]
    [InlineData("a.com.", true)]
    [InlineData("a.com..", false)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("b.a.com", false)]
    [InlineData("a.comé", false)]
    public void A_host_is_found_in_any_case_and_with_a_trailing_dot(string host, bool isFound) =>
        Assert.Equal(isFound, Create("a.com", "b.com").Find(Encoding.UTF8.GetBytes(host)) is not null);

    [Fact]
    public void A_host_longer_than_any_domain_is_not_found() =>
        Assert.Null(Create("a.com").Find(new byte[100_000]));

    [Fact]
    public void A_listing_begins_beyond_any_name()
    {
        var snapshot = Create("c.com", "a.com", "a-a.com", "b.com");
        Assert.Equal(["a-a.com", "a.com", "b.com", "c.com"], List(snapshot, null));
        Assert.Equal(["b.com", "c.com"], List(snapshot, "a.com"));
        Assert.Equal(["c.com"], List(snapshot, "bb.com"));
        Assert.Empty(List(snapshot, "c.com"));
        Assert.Empty(List(MappingSnapshot.Empty, null));
    }

    [Fact]
    public void It_behaves_as_a_dictionary_does_and_older_snapshots_never_change() =>
        Cases.Check(random => random, CheckAgainstDictionary, count: 100);

    [Fact]
    public void Finding_allocates_nothing()
    {
        var snapshot = Create([.. Enumerable.Range(0, 5000).Select(i => $"app-{i}.example.com")]);
        byte[] known = "APP-4711.example.com."u8.ToArray(), unknown = "nowhere.example.com"u8.ToArray();
        Assert.NotNull(snapshot.Find(known));
        Assert.Null(snapshot.Find(unknown));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            snapshot.Find(known);
            snapshot.Find(unknown);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_change_among_100_000_mappings_copies_a_few_kilobytes()
    {
        var snapshot = Create([.. Enumerable.Range(0, 100_000).Select(i => $"app-{i}.example.com")]);
        MappingChange[] change = [new(Name("new.example.com"), Make("new.example.com", 1))];
        Assert.Equal(100_001, snapshot.With(change).Count);
        var before = GC.GetAllocatedBytesForCurrentThread();
        snapshot.With(change);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 20_000);
    }

    internal static DomainName Name(string text)
    {
        Assert.True(DomainName.TryParse(text, out var domain, out var error), error);
        return domain;
    }

    private static MappingSnapshot Create(params string[] domains) =>
        MappingSnapshot.Create([.. domains.Select(domain => Make(domain, 8080))]);

    private static Mapping Make(string domain, int port) => new(Name(domain), port, DateTimeOffset.UnixEpoch);

    private static IEnumerable<string> List(MappingSnapshot snapshot, string? after) =>
        snapshot.After(after).Select(mapping => mapping.Domain.ToString());

    private static void CheckAgainstDictionary(Random random)
    {
        var names = random.Next(1, 2000);
        var model = new Dictionary<string, int>();
        var snapshot = MappingSnapshot.Empty;
        var older = (Snapshot: snapshot, Model: new Dictionary<string, int>());
        for (var batch = random.Next(40); batch >= 0; batch--)
        {
            var changes = new List<MappingChange>();
            for (var i = random.Next(200); i >= 0; i--)
            {
                var domain = $"n{random.Next(names)}.com";
                var isRemoval = random.Next(3) == 0;
                var port = random.Next(1, 65536);
                changes.Add(new MappingChange(Name(domain), isRemoval ? null : Make(domain, port)));
                if (isRemoval) model.Remove(domain);
                else model[domain] = port;
            }
            snapshot = snapshot.With(changes);
            if (random.Next(10) == 0) older = (snapshot, new Dictionary<string, int>(model));
        }
        AssertSame(model, snapshot, names);
        AssertSame(older.Model, older.Snapshot, names);
        AssertSame(model, MappingSnapshot.Create(snapshot.All), names);
    }

    private static void AssertSame(Dictionary<string, int> model, MappingSnapshot snapshot, int names)
    {
        Assert.Equal(model.Count, snapshot.Count);
        Assert.Equal(model.Keys.Order(StringComparer.Ordinal), List(snapshot, null));
        for (var i = 0; i < names; i++)
        {
            var domain = $"n{i}.com";
            Assert.Equal(model.GetValueOrDefault(domain), snapshot.Find(Encoding.ASCII.GetBytes(domain))?.Port ?? 0);
        }
    }
}

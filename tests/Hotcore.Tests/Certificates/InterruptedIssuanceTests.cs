using System.Security.Cryptography;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>What ends hotcore in the middle of an issuance, at each request in turn.</summary>
public sealed class InterruptedIssuanceTests : IDisposable
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly FakeCa _ca;

    public InterruptedIssuanceTests() => _ca = new FakeCa(_http, _clock);

    private string Certificates => _folder["certificates"];

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }

    /// <summary>
    /// At its N-th request, before or after the CA acts on it, the folder is copied as a kill would leave it, for
    /// every N; a new hotcore goes on from each copy.
    /// </summary>
    [Fact]
    public async Task After_an_end_at_any_request_a_new_start_finishes_with_the_same_account()
    {
        var copies = new List<string>();
        _ca.Tamper = (_, right) =>
        {
            lock (copies) copies.Add(CopyFolder($"copy{copies.Count}"));
            return right;
        };
        await using (var running = Run(Certificates)) await SettleAsync(running);
        _ca.Tamper = (_, right) => right;
        // A request that was under way at the stop may still be looked at.
        string[] made;
        lock (copies) made = [.. copies];
        Assert.True(made.Length > 8);
        foreach (var copy in made)
        {
            await using var again = Run(copy);
            await SettleAsync(again);
            AssertWhole(copy, again);
        }
        // Before the very first request there is no key yet: that copy alone makes an account of its own.
        Assert.True(_ca.Accounts <= 2);
    }

    [Fact]
    public async Task A_connection_that_is_lost_at_any_request_is_made_good_with_the_same_account()
    {
        for (var lost = 1; lost <= 12; lost++)
        {
            var requests = 0;
            _ca.Tamper = (_, right) => Interlocked.Increment(ref requests) == lost ? null : right;
            var folder = _folder[$"lost{lost}"];
            var before = _ca.Accounts;
            await using (var running = Run(folder)) await SettleAsync(running, mayFail: true);
            _ca.Tamper = (_, right) => right;
            _clock.Advance(TimeSpan.FromMinutes(1));
            await using var again = Run(folder);
            await SettleAsync(again);
            AssertWhole(folder, again);
            Assert.Equal(before + 1, _ca.Accounts);
        }
    }

    [Fact]
    public async Task A_stop_breaks_off_what_is_under_way_and_counts_as_no_failure()
    {
        var asked = new TaskCompletionSource();
        using var release = new ManualResetEventSlim();
        _ca.Tamper = (request, right) =>
        {
            if (!request.Path.StartsWith("/finalize", StringComparison.Ordinal)) return right;
            asked.TrySetResult();
            release.Wait();
            return right;
        };
        var running = Run(Certificates);
        running.Renewal.Ensure(Domain);
        await asked.Task;
        await running.DisposeAsync();
        release.Set();
        await using var again = Run(Certificates);
        await SettleAsync(again);
        AssertWhole(Certificates, again);
        Assert.Equal(1, _ca.Accounts);
        Assert.DoesNotContain(_log.All, line => line.Contains("tried again", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_a_crash_left_beside_is_finished_where_it_is_whole_and_gone_where_it_is_not()
    {
        DurableFile.MakeFolder(Certificates);
        var whole = new TestAuthority().MakeFile("a.example.com", _clock.GetUtcNow(), TimeSpan.FromDays(9));
        File.WriteAllBytes(Path.Combine(Certificates, "a.example.com.pem.new"), whole);
        File.WriteAllBytes(Path.Combine(Certificates, "b.example.com.pem.new"), whole[..300]);
        File.WriteAllText(Path.Combine(Certificates, "b.example.com.json.new"), "{");
        var store = new CertificateStore(Certificates, _clock, _log.Write);
        Assert.NotNull(store.Load(Domain));
        Assert.Equal(["a.example.com.pem"], Directory.GetFiles(Certificates).Select(Path.GetFileName));
    }

    private string CopyFolder(string name)
    {
        var copy = _folder[name];
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(Certificates))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    private RunningRenewal Run(string folder)
    {
        var settings = new AcmeSettings(_ca.Directory) { PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(settings, folder, _http, new TlsChallenges(), _log, _clock);
    }

    private static async Task SettleAsync(RunningRenewal running, bool mayFail = false)
    {
        running.Renewal.Ensure(Domain);
        await running.Renewal.WhenSettled(Domain);
        var state = running.Renewal.StateOf(Domain);
        Assert.True(mayFail || state.Condition == CertificateCondition.Valid, state.Failure);
    }

    /// <summary>One account, one certificate with its key, and nothing else that holds a key.</summary>
    private static void AssertWhole(string folder, RunningRenewal running)
    {
        Assert.NotNull(running.Store.Load(Domain));
        string[] keys = [.. Directory.GetFiles(folder).Where(HoldsKey)];
        Assert.Equal(2, keys.Length);
        var account = Assert.Single(Directory.GetFiles(folder, "account_*"));
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(account));
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.All(keys, file => Assert.Equal(ownerOnly, File.GetUnixFileMode(file)));
    }

    private static bool HoldsKey(string file) =>
        File.ReadAllText(file).Contains("PRIVATE KEY", StringComparison.Ordinal);
}

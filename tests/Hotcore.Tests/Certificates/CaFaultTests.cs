using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>What a CA may do wrong, and what becomes of it: one clear failure, and another domain untouched.</summary>
public sealed class CaFaultTests : IDisposable
{
    private static readonly DomainName Bad = RunningRenewal.Name("bad.example.com");
    private static readonly DomainName Good = RunningRenewal.Name("good.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly FakeCa _ca;

    public CaFaultTests() => _ca = new FakeCa(_http, _clock);

    private string Certificates => _folder["certificates"];

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_domain_gets_its_certificate_by_one_account()
    {
        await using var running = Run();
        var state = await SettleAsync(running, Good);
        AssertValid(state);
        Assert.Equal(_clock.GetUtcNow().AddDays(90), state.NotAfter);
        Assert.Null(state.Failure);
        Assert.Single(running.Published[Good]);
        Assert.Equal(1, _ca.Accounts);
        Assert.False(_http.TryFind(Encoding.ASCII.GetBytes("token1"), out _));
    }

    [Theory]
    [InlineData("directory", "503", "cannot be had")]
    [InlineData("orders", "503", "HTTP status 503, text/plain")]
    [InlineData("orders", "html", "text/html where JSON was due")]
    [InlineData("directory", "html", "text/html where JSON was due")]
    [InlineData("orders", "truncated", "JSON that cannot be read")]
    [InlineData("authorization", "truncated", "JSON that cannot be read")]
    [InlineData("authorization", "null", "JSON that cannot be read")]
    [InlineData("authorization", "empty", "The CA offers no tls-alpn-01")]
    [InlineData("order", "processing", "did not finish")]
    [InlineData("authorization", "pending", "did not finish")]
    [InlineData("certificate", "html", "where a certificate was due")]
    [InlineData("certificate", "name", "its certificate is not for bad.example.com")]
    [InlineData("certificate", "key", "its key does not belong to its certificate")]
    [InlineData("certificate", "garbage", "it holds no certificate")]
    [InlineData("orders", "huge", "its answer is too large")]
    [InlineData("directory", "huge", "its answer is too large")]
    [InlineData("directory", "redirect", "redirects to")]
    [InlineData("orders", "redirect", "redirects to")]
    [InlineData("orders", "closed", "cannot be asked")]
    [InlineData("orders", "rejectedIdentifier", "use a public domain name")]
    [InlineData("finalize", "badCSR", "refused the certificate request")]
    [InlineData("orders", "caa", "CAA record")]
    [InlineData("orders", "badNonce", "the CA refused bad.example.com")]
    [InlineData("account", "externalAccountRequired", "an account made by hand")]
    public async Task A_fault_of_the_ca_is_told_in_words_and_mended_later(string path, string fault, string words)
    {
        if (fault == "name") _ca.NameInstead = "other.example.com";
        else _ca.Tamper = (request, right) => IsAbout(request, path) ? Misbehave(fault, right) : right;
        await using (var running = Run())
        {
            var state = await SettleAsync(running, Bad);
            Assert.Equal(CertificateCondition.Failed, state.Condition);
            Assert.Contains(words, state.Failure, StringComparison.OrdinalIgnoreCase);
            Assert.True(state.NextTry > _clock.GetUtcNow().AddSeconds(50));
            Assert.Contains(_log.All, line => line.Contains(words, StringComparison.OrdinalIgnoreCase));
            (_ca.Tamper, _ca.NameInstead) = ((_, right) => right, null);
            AssertValid(await SettleAsync(running, Good));
            Assert.Equal(CertificateCondition.Failed, running.Renewal.StateOf(Bad).Condition);
            _clock.Advance(TimeSpan.FromMinutes(1));
            await running.DecideAsync();
            AssertValid(running.Renewal.StateOf(Bad));
            Assert.Null(running.Renewal.StateOf(Bad).Failure);
        }
        Assert.Equal(1, _ca.Accounts);
        Assert.Empty(Directory.GetFiles(Certificates, "*.new"));
    }

    [Fact]
    public async Task A_fault_with_one_domain_holds_up_no_other_that_is_under_way()
    {
        var release = new TaskCompletionSource();
        _ca.Tamper = (request, right) =>
        {
            var isBad = IsAbout(request, "authorization") && right.Body.Contains("bad.", StringComparison.Ordinal);
            if (isBad) release.Task.Wait();
            return right;
        };
        await using var running = Run();
        running.Renewal.Ensure(Bad);
        AssertValid(await SettleAsync(running, Good));
        Assert.Equal(CertificateCondition.Pending, running.Renewal.StateOf(Bad).Condition);
        release.SetResult();
        await running.Renewal.WhenSettled(Bad);
    }

    [Theory]
    [InlineData("Retry-After: 7200")]
    [InlineData("Retry-After: Sun, 22 Nov 2026 10:00:00 GMT")]
    [InlineData("Retry-After: Sunday, 22-Nov-26 10:00:00 GMT")]
    [InlineData("Retry-After: Sun Nov 22 10:00:00 2026")]
    public async Task The_ca_is_not_asked_again_for_a_domain_before_it_said_so(string field)
    {
        _ca.Tamper = (request, right) => IsAbout(request, "orders") && IsOrderOf(request, "bad.")
            ? FakeCa.Problem(429, "rateLimited", "too many certificates already issued for \"example.com\"", field)
            : right;
        await using var running = Run();
        var state = await SettleAsync(running, Bad);
        Assert.Equal(_clock.GetUtcNow().AddHours(2), state.NextTry);
        AssertValid(await SettleAsync(running, Good));
    }

    [Theory]
    [InlineData(429, "Retry-After: 3600")]
    [InlineData(503, "Retry-After: Sun, 22 Nov 2026 09:00:00 GMT")]
    public async Task A_ca_that_wants_a_pause_gets_it_for_all_domains_and_across_a_restart(int status, string field)
    {
        _ca.Tamper = (request, right) => IsAbout(request, "orders")
            ? FakeCa.Problem(status, "rateLimited", "too many new orders by this account", field)
            : right;
        await using (var running = Run())
        {
            await SettleAsync(running, Bad);
            _ca.Tamper = (_, right) => right;
            await AssertPausedAsync(running);
        }
        await using var again = Run();
        await AssertPausedAsync(again);
        _clock.Advance(TimeSpan.FromHours(1));
        await again.DecideAsync();
        AssertValid(again.Renewal.StateOf(Good));
    }

    [Theory]
    [InlineData(429, "Retry-After: 604800")]
    [InlineData(503, "Retry-After: 31536000")]
    [InlineData(503, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData(503, "Retry-After: 99999999999999999999")]
    public async Task A_ca_that_wants_a_pause_beyond_reason_gets_six_hours(int status, string field)
    {
        _ca.Tamper = (request, right) => IsAbout(request, "orders")
            ? FakeCa.Problem(status, "rateLimited", "too many new orders by this account", field)
            : right;
        await using var running = Run();
        var asked = await SettleAsync(running, Bad);
        var other = await SettleAsync(running, Good);
        var next = _clock.GetUtcNow().AddHours(6);
        Assert.Equal((next, next), (asked.NextTry, other.NextTry));
        _ca.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromHours(6));
        await running.DecideAsync();
        AssertValid(running.Renewal.StateOf(Bad));
        AssertValid(running.Renewal.StateOf(Good));
    }

    [Fact]
    public async Task A_domain_that_the_ca_wants_to_wait_beyond_reason_waits_a_day()
    {
        _ca.Tamper = (request, right) => IsAbout(request, "orders") && IsOrderOf(request, "bad.")
            ? FakeCa.Problem(
                429, "rateLimited", "too many certificates already issued for \"example.com\"", "Retry-After: 604800")
            : right;
        await using var running = Run();
        var state = await SettleAsync(running, Bad);
        Assert.Equal(_clock.GetUtcNow().AddDays(1), state.NextTry);
        AssertValid(await SettleAsync(running, Good));
    }

    [Fact]
    public async Task What_failed_is_remembered_across_a_restart()
    {
        _ca.Tamper = (request, right) => IsAbout(request, "orders") ? Misbehave("html", right) : right;
        DateTimeOffset? nextTry;
        await using (var running = Run()) nextTry = (await SettleAsync(running, Bad)).NextTry;
        var requests = _ca.Requests.Count;
        await using var again = Run(mapped: [Bad]);
        await again.Renewal.LoadAsync();
        again.Renewal.Begin();
        await again.DecideAsync();
        var state = again.Renewal.StateOf(Bad);
        Assert.Equal((CertificateCondition.Failed, nextTry), (state.Condition, state.NextTry));
        Assert.Equal(requests, _ca.Requests.Count);
    }

    [Fact]
    public async Task An_account_that_the_ca_has_forgotten_is_made_anew()
    {
        await using var running = Run();
        await SettleAsync(running, Good);
        _ca.ForgetAccounts();
        AssertValid(await SettleAsync(running, Bad));
        Assert.Equal(1, _ca.Accounts);
        Assert.Single(Directory.GetFiles(Certificates, "account_*"));
    }

    [Fact]
    public async Task A_damaged_account_key_is_kept_aside()
    {
        await using (var running = Run()) await SettleAsync(running, Good);
        var file = Assert.Single(Directory.GetFiles(Certificates, "account_*"));
        await File.WriteAllTextAsync(file, "not a key");
        await using var again = Run();
        AssertValid(await SettleAsync(again, Bad));
        var aside = Assert.Single(Directory.GetFiles(Certificates, "account_*damaged*"));
        Assert.Equal("not a key", await File.ReadAllTextAsync(aside));
    }

    [Fact]
    public async Task A_domain_that_is_forgotten_stops_and_keeps_its_certificate()
    {
        await using var running = Run();
        await SettleAsync(running, Good);
        await running.Renewal.WhenIdle();
        running.Renewal.Forget(Good);
        Assert.Equal(CertificateState.None, running.Renewal.StateOf(Good));
        var requests = _ca.Requests.Count;
        _clock.Advance(TimeSpan.FromDays(80));
        await running.DecideAsync();
        Assert.Equal(requests, _ca.Requests.Count);
        Assert.True(File.Exists(running.Store.PathOf(Good)));
        _clock.Advance(TimeSpan.FromDays(-70));
        await SettleAsync(running, Good);
        Assert.Equal(1, _ca.Orders);
        Assert.Equal(2, running.Published[Good].Count);
    }

    private static void AssertValid(CertificateState state) =>
        Assert.True(state.Condition == CertificateCondition.Valid, state.Failure);

    private static bool IsAbout(FakeRequest request, string path) => request.Path.Split('/')[1] == path;

    private static bool IsOrderOf(FakeRequest request, string name)
    {
        using var signed = JsonDocument.Parse(request.Body);
        var payload = Base64Url.DecodeFromChars(signed.RootElement.GetProperty("payload").GetString());
        return Encoding.UTF8.GetString(payload).Contains(name, StringComparison.Ordinal);
    }

    private FakeAnswer? Misbehave(string fault, FakeAnswer right) => fault switch
    {
        "503" => new FakeAnswer(503, "text/plain", "busy"),
        "html" => new FakeAnswer(200, "text/html", "<html>", right.Fields),
        "truncated" => right with { Body = right.Body[..(right.Body.Length / 2)] },
        "null" => right with { Body = "null" },
        "empty" => right with { Body = "{}" },
        "processing" => Late(right with { Body = "{\"status\":\"processing\"}" }),
        "pending" => Late(right with { Body = right.Body.Replace("\"valid\"", "\"pending\"", StringComparison.Ordinal) }),
        "key" => right with { Body = ChainOfAnotherKey() },
        "garbage" => right with { Body = "garbage" },
        "huge" => right with { Body = new string(' ', 1024 * 1024) },
        "redirect" => new FakeAnswer(302, "text/plain", "", $"Location: {_ca.Url}/directory"),
        "closed" => null,
        _ => FakeCa.Problem(400, fault, "in the CA's words"),
    };

    /// <summary>An answer that uses up patience: the third of them comes when none is left.</summary>
    private FakeAnswer Late(FakeAnswer answer)
    {
        _clock.Advance(TimeSpan.FromMinutes(2));
        return answer;
    }

    private string ChainOfAnotherKey()
    {
        var file = new TestAuthority().MakeFile(Bad.ToString(), _clock.GetUtcNow(), TimeSpan.FromDays(9));
        return Encoding.ASCII.GetString(file).Split("-----BEGIN PRIVATE")[0];
    }

    private RunningRenewal Run(IReadOnlyCollection<DomainName>? mapped = null)
    {
        var settings = new AcmeSettings(_ca.Directory)
        {
            PollInterval = TimeSpan.FromMilliseconds(10),
        };
        return new RunningRenewal(settings, Certificates, _http, new TlsChallenges(), _log, _clock, mapped);
    }

    private static async Task<CertificateState> SettleAsync(RunningRenewal running, DomainName domain)
    {
        running.Renewal.Ensure(domain);
        await running.Renewal.WhenSettled(domain);
        return running.Renewal.StateOf(domain);
    }

    private async Task AssertPausedAsync(RunningRenewal running)
    {
        var requests = _ca.Requests.Count;
        var state = await SettleAsync(running, Good);
        Assert.Equal(CertificateCondition.Failed, state.Condition);
        Assert.Contains("too many new orders", state.Failure, StringComparison.Ordinal);
        Assert.Equal(_clock.GetUtcNow().AddHours(1), state.NextTry);
        Assert.Equal(requests, _ca.Requests.Count);
    }
}

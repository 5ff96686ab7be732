using System.Globalization;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>When certificates are renewed, on a clock that the tests move.</summary>
public sealed class RenewalScheduleTests : IDisposable
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly TestAuthority _authority = new();
    private readonly FakeCa _ca;

    public RenewalScheduleTests() => _ca = new FakeCa(_http, _clock);

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_hundred_domains_stay_valid_for_two_years()
    {
        DomainName[] domains = Hundred();
        int issued = 0;
        await using RunningRenewal running = Run(domains, (request, _) =>
        {
            Interlocked.Increment(ref issued);
            return Task.FromResult(new Issuance(Make(request.Domain), ChallengeKind.Http));
        });
        await StartAsync(running);
        await PassAsync(running, domains, TimeSpan.FromDays(730), TimeSpan.FromHours(3), mustBeValid: true);
        // 730 days at 55.5 to 60 days each, after the first: 12 or 13 renewals.
        Assert.InRange(issued, 100 * 13, 100 * 14);
        Assert.Equal(100, Directory.GetFiles(_folder["certificates"], "*.pem").Length);
    }

    [Fact]
    public async Task A_ca_that_is_down_for_a_month_is_not_hammered_and_every_domain_stays_valid()
    {
        DomainName[] domains = Hundred();
        bool isDown = false;
        int refused = 0;
        await using RunningRenewal running = Run(domains, (request, _) =>
        {
            if (!isDown) return Task.FromResult(new Issuance(Make(request.Domain), ChallengeKind.Http));
            Interlocked.Increment(ref refused);
            throw new AcmeFailure("down");
        });
        await StartAsync(running);
        await PassAsync(running, domains, TimeSpan.FromDays(54), TimeSpan.FromHours(1), mustBeValid: true);
        isDown = true;
        await PassAsync(running, domains, TimeSpan.FromDays(29), TimeSpan.FromMinutes(20), mustBeValid: true);
        // Each of a hundred domains: 9 tries on the way up to 6 h, and then at most 5 a day (a tenth less than 6 h).
        Assert.InRange(refused, 100 * 70, 100 * (9 + (29 * 5)));
        isDown = false;
        await PassAsync(running, domains, TimeSpan.FromHours(7), TimeSpan.FromMinutes(20), mustBeValid: true);
        Assert.All(domains, domain => Assert.Null(running.Renewal.StateOf(domain).Failure));
    }

    [Fact]
    public async Task Certificates_of_a_minute_are_renewed_at_two_thirds_of_it()
    {
        int issued = 0;
        await using RunningRenewal running = Run([Domain], (request, _) =>
        {
            issued++;
            StoredCertificate made = _authority.Make(request.Domain, _clock.GetUtcNow(), TimeSpan.FromMinutes(1));
            return Task.FromResult(new Issuance(made, ChallengeKind.Http));
        });
        await StartAsync(running);
        await PassAsync(running, [Domain], TimeSpan.FromHours(1), TimeSpan.FromSeconds(1), mustBeValid: true);
        Assert.InRange(issued, 3600 / 41, 3600 / 36);
    }

    [Fact]
    public async Task The_cas_window_is_kept_and_the_old_certificate_named_in_the_order()
    {
        DateTimeOffset start = _clock.GetUtcNow().AddDays(20), end = start.AddDays(1);
        string? asked = null;
        _ca.RenewalInfo = id =>
        {
            asked ??= id;
            return Window(start, end);
        };
        DateTimeOffset? picked;
        await using (RunningRenewal running = Run([Domain]))
        {
            await StartAsync(running);
            picked = running.Renewal.StateOf(Domain).NextRenewal;
            Assert.InRange(picked!.Value, start, end);
            Assert.Equal(running.Store.Load(Domain)!.Id, asked);
        }
        await using RunningRenewal again = Run([Domain]);
        await StartAsync(again);
        Assert.Equal(picked, again.Renewal.StateOf(Domain).NextRenewal);
        _clock.Advance(picked.Value - _clock.GetUtcNow() - TimeSpan.FromSeconds(1));
        await again.Renewal.DecideAsync();
        Assert.Equal([null], _ca.Replaced);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await again.Renewal.DecideAsync();
        Assert.Equal([null, asked], _ca.Replaced);
    }

    [Fact]
    public async Task A_window_that_the_ca_moves_to_the_past_renews_at_once()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21));
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        StoredCertificate first = running.Store.Load(Domain)!;
        _ca.RenewalInfo = id => id == first.Id
            ? Window(_clock.GetUtcNow().AddDays(-2), _clock.GetUtcNow().AddDays(-1), "https://ca.example/why")
            : Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21));
        _clock.Advance(TimeSpan.FromHours(6));
        await running.Renewal.DecideAsync();
        Assert.NotEqual(first.Serial, running.Store.Load(Domain)!.Serial);
        Assert.Contains(_log.All, line => line.Contains("https://ca.example/why", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_order_that_may_not_replace_is_made_without()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(-2), _clock.GetUtcNow().AddDays(-1));
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        _ca.Tamper = (request, right) => request.Path == "/orders" && _ca.Replaced.Last() is not null
            ? FakeCa.Problem(409, "alreadyReplaced", "once is enough")
            : right;
        await running.Renewal.DecideAsync();
        Assert.Equal(3, _ca.Replaced.Count);
        Assert.Null(_ca.Replaced.Last());
        Assert.Equal(2, running.Published[Domain].Count);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Theory]
    [InlineData("Retry-After: 3600", 1.0)]
    [InlineData("Retry-After: Sun, 22 Nov 2026 10:00:00 GMT", 2.0)]
    [InlineData("Retry-After: 864000", 12.0)]
    [InlineData("Retry-After: 1", 1.0 / 60)]
    [InlineData("X: y", 6.0)]
    public async Task The_ca_is_asked_about_renewal_as_often_as_it_likes_and_twice_a_day(string field, double hours)
    {
        int asked = 0;
        _ca.RenewalInfo = _ =>
        {
            asked++;
            return Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21)) with { Fields = [field] };
        };
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        Assert.Equal(1, asked);
        _clock.Advance(TimeSpan.FromHours(hours * 0.89));
        await running.Renewal.DecideAsync();
        Assert.Equal(1, asked);
        _clock.Advance(TimeSpan.FromHours(hours * 0.11));
        await running.Renewal.DecideAsync();
        Assert.Equal(2, asked);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{}")]
    [InlineData("""{"suggestedWindow":{"start":"2027-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}}""")]
    public async Task Renewal_information_that_makes_no_sense_leaves_it_at_two_thirds(string answer)
    {
        _ca.RenewalInfo = _ => new FakeAnswer(200, "application/json", answer);
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        DateTimeOffset time = running.Renewal.StateOf(Domain).NextRenewal!.Value;
        Assert.InRange(time, _clock.GetUtcNow().AddDays(55), _clock.GetUtcNow().AddDays(60));
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
    }

    [Fact]
    public async Task A_window_beyond_the_end_lets_no_certificate_expire()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(200), _clock.GetUtcNow().AddDays(201));
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        Assert.Equal(_clock.GetUtcNow().AddDays(81), running.Renewal.StateOf(Domain).NextRenewal);
    }

    [Fact]
    public async Task A_clock_that_jumps_ahead_and_back_does_no_harm()
    {
        await using RunningRenewal running = Run([Domain]);
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        _clock.Advance(TimeSpan.FromDays(3650));
        await StartAsync(running);
        Assert.Equal(CertificateCondition.Failed, running.Renewal.StateOf(Domain).Condition);
        _ca.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromDays(-3650));
        await running.Renewal.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
        _clock.Advance(TimeSpan.FromDays(400));
        await running.Renewal.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
    }

    [Fact]
    public async Task No_more_than_ten_are_issued_at_once()
    {
        DomainName[] domains = Hundred();
        int now = 0, most = 0;
        var ten = new TaskCompletionSource();
        await using RunningRenewal running = Run(domains, async (request, _) =>
        {
            int count = Interlocked.Increment(ref now);
            InterlockedMax(ref most, count);
            if (count == 10) ten.TrySetResult();
            await ten.Task;
            Interlocked.Decrement(ref now);
            return new Issuance(Make(request.Domain), ChallengeKind.Http);
        });
        await StartAsync(running);
        Assert.Equal(10, most);
    }

    [Fact]
    public async Task A_certificate_placed_by_hand_is_used_while_hotcore_runs()
    {
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using RunningRenewal running = Run([Domain]);
        await StartAsync(running);
        StoredCertificate placed = Make(Domain);
        await File.WriteAllBytesAsync(running.Store.PathOf(Domain), placed.Pem);
        await running.Renewal.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
        Assert.Equal(placed.Serial, Assert.Single(running.Published[Domain]).Serial);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_put_in_force_is_issued_again_and_holds_up_no_other()
    {
        DomainName other = RunningRenewal.Name("b.example.com");
        await using (RunningRenewal running = Run([Domain, other])) await StartAsync(running);
        await using RunningRenewal again = Run([Domain, other]);
        again.Refuse = domain => domain.Equals(Domain);
        await StartAsync(again);
        Assert.Contains("refused", again.Renewal.StateOf(Domain).Failure, StringComparison.Ordinal);
        Assert.Equal(CertificateCondition.Failed, again.Renewal.StateOf(Domain).Condition);
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(other).Condition);
        again.Refuse = _ => false;
        _clock.Advance(TimeSpan.FromMinutes(1));
        await again.Renewal.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(Domain).Condition);
        Assert.Single(again.Published[Domain]);
    }

    [Fact]
    public async Task A_damaged_certificate_is_issued_again()
    {
        await using (RunningRenewal running = Run([Domain])) await StartAsync(running);
        string file = Path.Combine(_folder["certificates"], "a.example.com.pem");
        await File.WriteAllTextAsync(file, "damaged");
        await using RunningRenewal again = Run([Domain]);
        await StartAsync(again);
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(Domain).Condition);
        Assert.Equal("damaged", await File.ReadAllTextAsync(Assert.Single(Directory.GetFiles(_folder["certificates"], "*damaged*"))));
        Assert.Equal(1, _ca.Accounts);
    }

    [Fact]
    public async Task A_record_that_is_damaged_is_decided_anew()
    {
        await using (RunningRenewal running = Run([Domain])) await StartAsync(running);
        await File.WriteAllTextAsync(Path.Combine(_folder["certificates"], "a.example.com.json"), "{\"renewAt\":");
        await using RunningRenewal again = Run([Domain]);
        await StartAsync(again);
        Assert.NotNull(again.Renewal.StateOf(Domain).NextRenewal);
        Assert.Contains(_log.All, line => line.Contains("a.example.com.json cannot be read", StringComparison.Ordinal));
        Assert.Equal(1, _ca.Orders);
    }

    private static DomainName[] Hundred() =>
        [.. Enumerable.Range(1, 100).Select(i => RunningRenewal.Name($"app{i}.example.com"))];

    private static void InterlockedMax(ref int most, int count)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < count) Interlocked.CompareExchange(ref most, count, seen);
    }

    private static FakeAnswer Window(DateTimeOffset start, DateTimeOffset end, string? why = null) => FakeCa.Json(
        new
        {
            suggestedWindow = new
            {
                start = start.ToString("O", CultureInfo.InvariantCulture),
                end = end.ToString("O", CultureInfo.InvariantCulture),
            },
            explanationURL = why,
        });

    /// <summary>Takes up what is mapped, and obtains what is missing.</summary>
    private static async Task StartAsync(RunningRenewal running)
    {
        await running.Renewal.LoadAsync();
        await running.Renewal.DecideAsync();
    }

    private StoredCertificate Make(DomainName domain) =>
        _authority.Make(domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));

    private RunningRenewal Run(DomainName[] domains, IssueCertificate? issue = null)
    {
        if (issue is not null) _ca.HasRenewalInfo = false;
        var settings = new AcmeSettings(_ca.Directory) { PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, domains, issue);
    }

    private async Task PassAsync(
        RunningRenewal running, DomainName[] domains, TimeSpan time, TimeSpan step, bool mustBeValid)
    {
        DateTimeOffset end = _clock.GetUtcNow() + time;
        while (_clock.GetUtcNow() < end)
        {
            _clock.Advance(step);
            await running.Renewal.DecideAsync();
            foreach (DomainName domain in domains)
            {
                CertificateState state = running.Renewal.StateOf(domain);
                Assert.True(!mustBeValid || state.Condition == CertificateCondition.Valid, $"{_clock.GetUtcNow()}: {state}");
            }
        }
    }
}

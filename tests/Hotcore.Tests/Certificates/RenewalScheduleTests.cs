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
        var domains = Hundred();
        var issued = 0;
        await using var running = Run(domains, (request, _) =>
        {
            Interlocked.Increment(ref issued);
            return Task.FromResult(new Issuance(Make(request.Domain), ChallengeKind.Http));
        });
        await StartAsync(running);
        await PassAsync(running, domains, TimeSpan.FromDays(730), TimeSpan.FromHours(3));
        // 730 days at 55.5 to 60 days each, after the first: 12 or 13 renewals.
        Assert.InRange(issued, 100 * 13, 100 * 14);
        Assert.Equal(100, Directory.GetFiles(_folder["certificates"], "*.pem").Length);
    }

    [Fact]
    public async Task A_ca_that_is_down_for_a_month_is_not_hammered_and_every_domain_stays_valid()
    {
        var domains = Hundred();
        var isDown = false;
        var refused = 0;
        await using var running = Run(domains, (request, _) =>
        {
            if (!isDown) return Task.FromResult(new Issuance(Make(request.Domain), ChallengeKind.Http));
            Interlocked.Increment(ref refused);
            throw new AcmeFailure("down");
        });
        await StartAsync(running);
        await PassAsync(running, domains, TimeSpan.FromDays(54), TimeSpan.FromHours(1));
        isDown = true;
        await PassAsync(running, domains, TimeSpan.FromDays(29), TimeSpan.FromMinutes(20));
        // Each of a hundred domains: 9 tries on the way up to 6 h, and then at most 5 a day (a tenth less than 6 h).
        Assert.InRange(refused, 100 * 70, 100 * (9 + (29 * 5)));
        isDown = false;
        await PassAsync(running, domains, TimeSpan.FromHours(7), TimeSpan.FromMinutes(20));
        Assert.All(domains, domain => Assert.Null(running.Renewal.StateOf(domain).Failure));
    }

    [Fact]
    public async Task Certificates_of_a_minute_are_renewed_at_two_thirds_of_it()
    {
        var issued = 0;
        await using var running = Run([Domain], (request, _) =>
        {
            issued++;
            var made = _authority.Make(request.Domain, _clock.GetUtcNow(), TimeSpan.FromMinutes(1));
            return Task.FromResult(new Issuance(made, ChallengeKind.Http));
        });
        await StartAsync(running);
        await PassAsync(running, [Domain], TimeSpan.FromHours(1), TimeSpan.FromSeconds(1));
        Assert.InRange(issued, 3600 / 41, 3600 / 36);
    }

    [Fact]
    public async Task A_clock_that_jumps_ahead_and_back_does_no_harm()
    {
        await using var running = Run([Domain]);
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        _clock.Advance(TimeSpan.FromDays(3650));
        await StartAsync(running);
        Assert.Equal(CertificateCondition.Failed, running.Renewal.StateOf(Domain).Condition);
        _ca.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromDays(-3650));
        await running.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
        _clock.Advance(TimeSpan.FromDays(400));
        await running.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
    }

    [Fact]
    public async Task No_more_than_ten_are_issued_at_once()
    {
        var domains = Hundred();
        int now = 0, most = 0;
        var ten = new TaskCompletionSource();
        await using var running = Run(domains, async (request, _) =>
        {
            var count = Interlocked.Increment(ref now);
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
        await using var running = Run([Domain]);
        await StartAsync(running);
        var placed = Make(Domain);
        await File.WriteAllBytesAsync(running.Store.PathOf(Domain), placed.Pem);
        await running.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
        Assert.Equal(placed.Serial, Assert.Single(running.Published[Domain]).Serial);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_put_in_force_is_issued_again_and_holds_up_no_other()
    {
        var other = RunningRenewal.Name("b.example.com");
        await using (var running = Run([Domain, other])) await StartAsync(running);
        await using var again = Run([Domain, other]);
        again.Refuse = domain => domain.Equals(Domain);
        await StartAsync(again);
        Assert.Contains("refused", again.Renewal.StateOf(Domain).Failure, StringComparison.Ordinal);
        Assert.Equal(CertificateCondition.Failed, again.Renewal.StateOf(Domain).Condition);
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(other).Condition);
        again.Refuse = _ => false;
        _clock.Advance(TimeSpan.FromMinutes(1));
        await again.DecideAsync();
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(Domain).Condition);
        Assert.Single(again.Published[Domain]);
    }

    [Fact]
    public async Task A_renewed_certificate_that_cannot_be_put_in_force_is_issued_again_when_status_says_so()
    {
        await using var running = Run([Domain]);
        await StartAsync(running);
        var first = running.Published[Domain][0];
        _clock.Advance(TimeSpan.FromDays(61));
        running.Refuse = _ => true;
        await running.DecideAsync();
        var state = running.Renewal.StateOf(Domain);
        Assert.Equal(("refused", first.NotAfter), (state.Failure?.Split(' ')[^1], state.NotAfter));
        running.Refuse = _ => false;
        _clock.Advance(state.NextTry!.Value - _clock.GetUtcNow());
        await running.DecideAsync();
        Assert.Equal(3, _ca.Orders);
        Assert.Equal(2, running.Published[Domain].Count);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task A_damaged_certificate_is_issued_again()
    {
        await using (var running = Run([Domain])) await StartAsync(running);
        var file = Path.Combine(_folder["certificates"], "a.example.com.pem");
        await File.WriteAllTextAsync(file, "damaged");
        await using var again = Run([Domain]);
        await StartAsync(again);
        Assert.Equal(CertificateCondition.Valid, again.Renewal.StateOf(Domain).Condition);
        var aside = Assert.Single(Directory.GetFiles(_folder["certificates"], "*damaged*"));
        Assert.Equal("damaged", await File.ReadAllTextAsync(aside));
        Assert.Equal(1, _ca.Accounts);
    }

    [Fact]
    public async Task The_certificate_before_serves_while_a_damaged_one_is_issued_again()
    {
        await using (var running = Run([Domain]))
        {
            await StartAsync(running);
            running.Store.Save(Make(Domain));
            await File.WriteAllTextAsync(running.Store.PathOf(Domain), "damaged");
        }
        await using var again = Run([Domain]);
        await StartAsync(again);
        Assert.Equal(2, again.Published[Domain].Count);
        Assert.Equal(2, _ca.Orders);
        Assert.Null(again.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task A_record_that_is_damaged_is_decided_anew()
    {
        await using (var running = Run([Domain])) await StartAsync(running);
        await File.WriteAllTextAsync(Path.Combine(_folder["certificates"], "a.example.com.json"), "{\"renewAt\":");
        await using var again = Run([Domain]);
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

    /// <summary>Takes up what is mapped, and obtains what is missing.</summary>
    internal static async Task StartAsync(RunningRenewal running)
    {
        await running.Renewal.LoadAsync();
        await running.DecideAsync();
    }

    private StoredCertificate Make(DomainName domain) =>
        _authority.Make(domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));

    private RunningRenewal Run(DomainName[] domains, IssueCertificate? issue = null)
    {
        if (issue is not null) _ca.HasRenewalInfo = false;
        var settings = new AcmeSettings(_ca.Directory) { PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(
            settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, domains, issue);
    }

    /// <summary>Lets time pass, in steps; at each, every domain must have a valid certificate.</summary>
    private async Task PassAsync(
        RunningRenewal running, DomainName[] domains, TimeSpan time, TimeSpan step)
    {
        var end = _clock.GetUtcNow() + time;
        while (_clock.GetUtcNow() < end)
        {
            _clock.Advance(step);
            await running.DecideAsync();
            foreach (var domain in domains)
            {
                var state = running.Renewal.StateOf(domain);
                Assert.True(state.Condition == CertificateCondition.Valid, $"{_clock.GetUtcNow()}: {state}");
            }
        }
    }
}

using System.Globalization;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>New certificates before their time: because the owner wants one, or because there is another CA.</summary>
public sealed class RenewOnDemandTests : IDisposable
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly FakeCa _ca;
    private readonly FakeCa _other;

    public RenewOnDemandTests() => (_ca, _other) = (new FakeCa(_http, _clock), new FakeCa(_http, _clock));

    public void Dispose()
    {
        _ca.Dispose();
        _other.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_new_certificate_with_a_new_key_comes_and_within_the_hour_no_second()
    {
        await using (var running = Run(_ca))
        {
            await RenewalScheduleTests.StartAsync(running);
            var asked = _clock.GetUtcNow();
            Assert.Null(running.Renewal.Renew(Domain));
            await running.Renewal.WhenIdle();

            var (first, second) = (running.Published[Domain][0], running.Published[Domain][1]);
            Assert.NotEqual(first.KeyDer, second.KeyDer);
            Assert.Equal(second.Pem, await File.ReadAllBytesAsync(running.Store.PathOf(Domain)));
            Assert.Equal(2, _ca.Orders);
            Refused(running, $"asked for at {Shown(asked)}; it can be again at {Shown(asked.AddHours(1))}");
            _clock.Advance(TimeSpan.FromMinutes(59));
            Refused(running, "it can be again at");
        }
        await using var again = Run(_ca);
        await RenewalScheduleTests.StartAsync(again);
        Refused(again, "it can be again at");
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(again.Renewal.Renew(Domain));
        await again.Renewal.WhenIdle();
        Assert.Equal(3, _ca.Orders);
    }

    [Fact]
    public async Task What_was_promised_is_kept_over_a_failure_and_a_restart_while_the_old_certificate_serves()
    {
        await using (var running = Run(_ca))
        {
            await RenewalScheduleTests.StartAsync(running);
            _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
            Assert.Null(running.Renewal.Renew(Domain));
            await running.Renewal.WhenIdle();
            var state = running.Renewal.StateOf(Domain);
            Assert.Equal(CertificateCondition.Valid, state.Condition);
            Assert.NotNull(state.Failure);
            Assert.InRange(state.NextTry!.Value, _clock.GetUtcNow().AddSeconds(50), _clock.GetUtcNow().AddMinutes(1));
        }
        _ca.Tamper = (_, right) => right;
        var orders = _ca.Orders;
        await using var again = Run(_ca);
        await RenewalScheduleTests.StartAsync(again);
        Assert.Equal(orders, _ca.Orders);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await again.DecideAsync();
        Assert.Equal(orders + 1, _ca.Orders);
        Assert.Null(again.Renewal.StateOf(Domain).Failure);
        Assert.Equal(2, again.Published[Domain].Count);
    }

    [Fact]
    public async Task A_window_that_the_CA_moves_meanwhile_does_not_take_the_wish_back()
    {
        _ca.RenewalInfo = _ => Window(20);
        await using var running = Run(_ca);
        await RenewalScheduleTests.StartAsync(running);
        _clock.Advance(TimeSpan.FromHours(7));
        _ca.RenewalInfo = _ => Window(25);
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        Assert.Equal(2, _ca.Orders);
    }

    [Fact]
    public async Task A_wait_of_hotcores_own_is_cut_short_and_one_of_the_CAs_is_not()
    {
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using var running = Run(_ca);
        await RenewalScheduleTests.StartAsync(running);
        _ca.Tamper = (_, right) => right;
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);

        _clock.Advance(TimeSpan.FromHours(2));
        _ca.Tamper = (request, right) => request.Path == "/orders"
            ? FakeCa.Problem(429, "rateLimited", "too many for a.example.com", "Retry-After: 86400")
            : right;
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        _ca.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromHours(2));
        var orders = _ca.Orders;
        Refused(running, "the CA wants no requests");
        await running.DecideAsync();
        Assert.Equal(orders, _ca.Orders);
    }

    [Fact]
    public async Task What_cannot_be_had_is_refused_with_the_reason()
    {
        var name = RunningRenewal.Name("app.internal");
        await using (var running = Run(_ca, isPublic: true, name))
        {
            await RenewalScheduleTests.StartAsync(running);
            Assert.StartsWith("no public CA certifies app.internal", running.Renewal.Renew(name), StringComparison.Ordinal);
            Assert.StartsWith("b.example.com is not mapped", running.Renewal.Renew(RunningRenewal.Name("b.example.com")), StringComparison.Ordinal);
        }
        var owners = new TestAuthority().Make(Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        await using var again = Run(_ca);
        await File.WriteAllBytesAsync(again.Store.PathOf(Domain), owners.Pem);
        await RenewalScheduleTests.StartAsync(again);
        Refused(again, $"is your own, valid until {Shown(owners.NotAfter)}: put the next one into {again.Store.PathOf(Domain)}");
        Assert.Empty(_ca.Requests);
    }

    [Fact]
    public async Task Another_CA_is_asked_for_a_new_certificate_at_once_while_the_old_one_serves()
    {
        _ca.RenewalInfo = _other.RenewalInfo = _ => Window(20);
        await using (var running = Run(_ca)) await RenewalScheduleTests.StartAsync(running);
        _other.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using (var moved = Run(_other))
        {
            await RenewalScheduleTests.StartAsync(moved);
            Assert.Single(moved.Published[Domain]);
            Assert.Equal(CertificateCondition.Valid, moved.Renewal.StateOf(Domain).Condition);
            Assert.NotNull(moved.Renewal.StateOf(Domain).NextTry);
            await moved.DecideAsync();
            Assert.Single(_other.Requests);

            _other.Tamper = (_, right) => right;
            _clock.Advance(TimeSpan.FromMinutes(1));
            await moved.DecideAsync();
            Assert.Equal(2, moved.Published[Domain].Count);
            Assert.StartsWith(
                $"Issued to hotcore by: {_other.Directory} ", await File.ReadAllTextAsync(moved.Store.PathOf(Domain)), StringComparison.Ordinal);
        }
        // What the one CA issued is neither named to the other, nor asked about there.
        Assert.Equal([null], _other.Replaced);
        Assert.Equal(2, Directory.GetFiles(_folder["certificates"], "account_*").Length);
        await using var again = Run(_other);
        await RenewalScheduleTests.StartAsync(again);
        Assert.Equal((1, 1), (_ca.Orders, _other.Orders));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Another_CA_replaces_what_an_early_version_issued_be_it_after_a_failure_and_a_restart(bool recordKnowsCa)
    {
        var placed = new TestAuthority().Make(Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        await using (var running = Run(_ca))
        {
            await File.WriteAllBytesAsync(running.Store.PathOf(Domain), placed.Pem);
            var directory = recordKnowsCa ? $"\"directory\":\"{_ca.Directory}\"," : "";
            await File.WriteAllTextAsync(Path.ChangeExtension(running.Store.PathOf(Domain), ".json"), $$"""
                {{{directory}}"notAfter":"{{Shown(placed.NotAfter)}}","renewAt":"2027-01-10T12:00:00Z",
                "windowStart":"2027-01-10T00:00:00Z","windowEnd":"2027-01-11T00:00:00Z"}
                """);
            if (!recordKnowsCa) await RenewalScheduleTests.StartAsync(running);
        }
        Assert.Equal(0, _ca.Orders);
        _other.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using (var moved = Run(_other)) await RenewalScheduleTests.StartAsync(moved);
        _other.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromMinutes(1));

        await using var again = Run(_other);
        await RenewalScheduleTests.StartAsync(again);

        Assert.Equal((0, 1), (_ca.Orders, _other.Orders));
        Assert.Equal(2, again.Published[Domain].Count);
    }

    [Fact]
    public async Task A_wish_while_a_certificate_is_put_in_force_is_carried_out_and_status_is_of_the_one_or_the_other()
    {
        await using var running = Run(_ca);
        await RenewalScheduleTests.StartAsync(running);
        _clock.Advance(TimeSpan.FromDays(61));
        var before = running.Renewal.StateOf(Domain);
        CertificateState? state = null;
        var refusal = "not asked";
        running.OnPublished = _ =>
        {
            running.OnPublished = _ => { };
            state = running.Renewal.StateOf(Domain);
            refusal = running.Renewal.Renew(Domain);
        };
        await running.DecideAsync();
        Assert.Null(refusal);
        Assert.Equal(before, state);
        Assert.Equal(running.Published[Domain][1].NotAfter, running.Renewal.StateOf(Domain).NotAfter);
        await running.DecideAsync();
        Assert.Equal((3, 3), (_ca.Orders, running.Published[Domain].Count));
    }

    [Fact]
    public async Task A_wish_outlasts_another_file_that_takes_the_place_of_what_it_was_about()
    {
        await using var running = Run(_ca);
        await RenewalScheduleTests.StartAsync(running);
        var file = running.Store.PathOf(Domain);
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        _clock.Advance(TimeSpan.FromDays(1));
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        var orders = _ca.Orders;
        File.Copy(file + ".previous", file, overwrite: true);
        _ca.Tamper = (_, right) => right;

        await running.DecideAsync();
        _clock.Advance(TimeSpan.FromMinutes(1));
        await running.DecideAsync();
        Assert.Equal(orders + 1, _ca.Orders);
    }

    [Fact]
    public async Task What_the_one_CA_refused_or_wanted_is_no_reason_to_wait_with_the_other()
    {
        _ca.Tamper = (_, _) => FakeCa.Problem(429, "rateLimited", "slower", "Retry-After: 86400");
        await using (var running = Run(_ca)) await RenewalScheduleTests.StartAsync(running);
        await using var moved = Run(_other);
        await RenewalScheduleTests.StartAsync(moved);
        Assert.Equal(CertificateCondition.Valid, moved.Renewal.StateOf(Domain).Condition);
        Assert.Null(moved.Renewal.StateOf(Domain).Failure);
    }

    private static void Refused(RunningRenewal running, string words) =>
        Assert.Contains(words, running.Renewal.Renew(Domain) ?? "accepted", StringComparison.Ordinal);

    private static string Shown(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private FakeAnswer Window(int days) => FakeCa.Json(new
    {
        suggestedWindow = new { start = Shown(_clock.GetUtcNow().AddDays(days)), end = Shown(_clock.GetUtcNow().AddDays(days + 1)) },
    });

    private RunningRenewal Run(FakeCa ca, bool isPublic = false, DomainName? domain = null)
    {
        var settings = new AcmeSettings(ca.Directory) { IsPublic = isPublic, PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(
            settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, [domain ?? Domain]);
    }
}

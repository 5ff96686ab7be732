using System.Globalization;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>What a CA says about renewal (RFC 9773), and what comes of it.</summary>
public sealed class RenewalInformationTests : IDisposable
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly FakeCa _ca;

    public RenewalInformationTests() => _ca = new FakeCa(_http, _clock);

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
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
        await using (var running = Run([Domain]))
        {
            await RenewalScheduleTests.StartAsync(running);
            picked = running.Renewal.StateOf(Domain).NextRenewal;
            Assert.InRange(picked!.Value, start, end);
            Assert.Equal(running.Store.Load(Domain)!.Id, asked);
        }
        await using var again = Run([Domain]);
        await RenewalScheduleTests.StartAsync(again);
        Assert.Equal(picked, again.Renewal.StateOf(Domain).NextRenewal);
        _clock.Advance(picked.Value - _clock.GetUtcNow() - TimeSpan.FromSeconds(1));
        await again.DecideAsync();
        Assert.Equal([null], _ca.Replaced);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await again.DecideAsync();
        Assert.Equal([null, asked], _ca.Replaced);
    }

    [Fact]
    public async Task A_window_that_the_ca_moves_to_the_past_renews_at_once()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21));
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        var first = running.Store.Load(Domain)!;
        _ca.RenewalInfo = id => id == first.Id
            ? Window(_clock.GetUtcNow().AddDays(-2), _clock.GetUtcNow().AddDays(-1), "https://ca.example/why")
            : Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21));
        _clock.Advance(TimeSpan.FromHours(6));
        await running.DecideAsync();
        Assert.NotEqual(first.Serial, running.Store.Load(Domain)!.Serial);
        Assert.Contains(_log.All, line => line.Contains("https://ca.example/why", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_order_that_may_not_replace_is_made_without()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(-2), _clock.GetUtcNow().AddDays(-1));
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        _ca.Tamper = (request, right) => request.Path == "/orders" && _ca.Replaced.Last() is not null
            ? FakeCa.Problem(409, "alreadyReplaced", "once is enough")
            : right;
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21));
        _clock.Advance(TimeSpan.FromMinutes(1));
        await running.DecideAsync();
        Assert.Equal(3, _ca.Replaced.Count);
        Assert.Null(_ca.Replaced.Last());
        Assert.Equal(2, running.Published[Domain].Count);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task A_CA_that_wants_back_at_once_what_it_has_just_issued_is_not_hammered()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(-2), _clock.GetUtcNow().AddDays(-1));
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        for (var i = 0; i < 24 * 12; i++)
        {
            await running.DecideAsync();
            _clock.Advance(TimeSpan.FromMinutes(5));
        }
        // After 1, 2, 4 and so on up to 256 minutes, then every six hours.
        Assert.InRange(_ca.Orders, 6, 14);
        var state = running.Renewal.StateOf(Domain);
        Assert.Equal(CertificateCondition.Valid, state.Condition);
        Assert.StartsWith("issued, and to be renewed at once", state.Failure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Retry-After: 3600", 1.0)]
    [InlineData("Retry-After: Sun, 22 Nov 2026 10:00:00 GMT", 2.0)]
    [InlineData("Retry-After: 864000", 12.0)]
    [InlineData("Retry-After: 1", 1.0 / 60)]
    [InlineData("X: y", 6.0)]
    public async Task The_ca_is_asked_about_renewal_as_often_as_it_likes_and_twice_a_day(string field, double hours)
    {
        var asked = 0;
        _ca.RenewalInfo = _ =>
        {
            asked++;
            return Window(_clock.GetUtcNow().AddDays(20), _clock.GetUtcNow().AddDays(21)) with { Fields = [field] };
        };
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        Assert.Equal(1, asked);
        _clock.Advance(TimeSpan.FromHours(hours * 0.89));
        await running.DecideAsync();
        Assert.Equal(1, asked);
        _clock.Advance(TimeSpan.FromHours(hours * 0.11));
        await running.DecideAsync();
        Assert.Equal(2, asked);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{}")]
    [InlineData("""{"suggestedWindow":{"start":"2027-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}}""")]
    public async Task Renewal_information_that_makes_no_sense_leaves_it_at_two_thirds(string answer)
    {
        _ca.RenewalInfo = _ => new FakeAnswer(200, "application/json", answer);
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        var time = running.Renewal.StateOf(Domain).NextRenewal!.Value;
        Assert.InRange(time, _clock.GetUtcNow().AddDays(55), _clock.GetUtcNow().AddDays(60));
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Domain).Condition);
    }

    [Fact]
    public async Task A_window_beyond_the_end_lets_no_certificate_expire()
    {
        _ca.RenewalInfo = _ => Window(_clock.GetUtcNow().AddDays(200), _clock.GetUtcNow().AddDays(201));
        await using var running = Run([Domain]);
        await RenewalScheduleTests.StartAsync(running);
        Assert.Equal(_clock.GetUtcNow().AddDays(81), running.Renewal.StateOf(Domain).NextRenewal);
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

    private RunningRenewal Run(DomainName[] domains)
    {
        var settings = new AcmeSettings(_ca.Directory) { PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, domains);
    }
}

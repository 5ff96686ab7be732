using System.Net.Sockets;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>Certificates that hotcore did not issue, on a clock that the tests move.</summary>
public sealed class OwnersCertificateTests : IDisposable
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly TestAuthority _authority = new();
    private readonly FakeCa _ca;

    public OwnersCertificateTests() => _ca = new FakeCa(_http, _clock);

    private string PemFile => Path.Combine(_folder["certificates"], "a.example.com.pem");

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task It_serves_to_its_end_whatever_the_CA_says_and_then_the_CA_is_asked_and_the_file_kept()
    {
        // Of two years, of which all but the last days are over.
        var owners = Place(TimeSpan.FromDays(40), age: TimeSpan.FromDays(700));
        _ca.RenewalInfo = _ => new FakeAnswer(200, "application/json", """
            {"suggestedWindow":{"start":"2020-01-01T00:00:00Z","end":"2020-01-02T00:00:00Z"}}
            """);
        for (var day = 0; day < 40; day++)
        {
            // Each day a start, and a look later that day.
            await using var running = Run();
            await RenewalScheduleTests.StartAsync(running);
            _clock.Advance(TimeSpan.FromHours(12));
            await running.DecideAsync();
            Assert.Equal(owners.Serial, Assert.Single(running.Published[Domain]).Serial);
            _clock.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(1));
            var state = running.Renewal.StateOf(Domain);
            Assert.Equal(
                (CertificateCondition.Valid, true, owners.NotAfter, null, null),
                (state.Condition, state.IsOwners, state.NotAfter, state.NextRenewal, state.NextTry));
            Assert.Equal(day >= 10, state.Failure?.Contains($"put the next one into {PemFile}", StringComparison.Ordinal) == true);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Empty(_ca.Requests);
        _ca.HasRenewalInfo = false;

        await using var last = Run();
        await RenewalScheduleTests.StartAsync(last);
        Assert.Equal(
            (CertificateCondition.Valid, false),
            (last.Renewal.StateOf(Domain).Condition, last.Renewal.StateOf(Domain).IsOwners));
        Assert.NotEqual(owners.Serial, last.Published[Domain][^1].Serial);
        await AssertKeptAsync(owners);
        // Nor does a later renewal touch it.
        for (var i = 0; i < 2; i++)
        {
            _clock.Advance(TimeSpan.FromDays(60));
            await last.DecideAsync();
        }
        Assert.Equal(3, _ca.Orders);
        await AssertKeptAsync(owners);
    }

    [Fact]
    public async Task The_log_warns_from_30_days_before_its_end_once_a_day_at_most()
    {
        Place(TimeSpan.FromDays(31));
        for (var i = 0; i < 4 * 24; i++)
        {
            await using var running = Run();
            await RenewalScheduleTests.StartAsync(running);
            _clock.Advance(TimeSpan.FromHours(1));
            await running.DecideAsync();
        }
        // After a day, then on the second, third and fourth.
        var warnings = _log.All.Where(line => line.Contains("it is your own and ends at 2026-12-23T08:00:00Z: put the next one into",
            StringComparison.Ordinal)).ToList();
        Assert.InRange(warnings.Count, 3, 4);
        Assert.All(warnings, line => Assert.Contains(PemFile, line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failure_of_the_CA_before_is_no_reason_to_say_more_of_it_than_of_others()
    {
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);
        Assert.Equal(CertificateCondition.Failed, running.Renewal.StateOf(Domain).Condition);
        var asked = _ca.Requests.Count;

        var owners = Place(TimeSpan.FromDays(365));
        await running.DecideAsync();
        _clock.Advance(TimeSpan.FromDays(1));
        await running.DecideAsync();

        Assert.Equal(
            new CertificateState(CertificateCondition.Valid, owners.NotAfter, IsOwners: true), running.Renewal.StateOf(Domain));
        Assert.Equal(asked, _ca.Requests.Count);
    }

    [Theory]
    [InlineData("older")]
    [InlineData("same time, same size")]
    [InlineData("a link, later to another")]
    public async Task A_new_file_is_noticed_however_it_came_there(string how)
    {
        var first = Place(TimeSpan.FromDays(60));
        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);
        var time = File.GetLastWriteTimeUtc(PemFile);
        var second = _authority.Make(Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        var padded = new byte[Math.Max(first.Pem.Length, second.Pem.Length)];
        Array.Fill(padded, (byte)'\n');
        second.Pem.CopyTo(padded, 0);
        var beside = PemFile + ".mine";
        await File.WriteAllBytesAsync(beside, padded);
        switch (how)
        {
            case "older":
                File.SetLastWriteTimeUtc(beside, time.AddYears(-1));
                File.Move(beside, PemFile, overwrite: true);
                break;
            case "same time, same size":
                File.SetLastWriteTimeUtc(beside, time);
                File.Move(beside, PemFile, overwrite: true);
                break;
            default:
                File.Delete(PemFile);
                File.WriteAllBytes(PemFile + ".one", first.Pem);
                File.CreateSymbolicLink(PemFile, PemFile + ".one");
                await running.DecideAsync();
                await File.WriteAllBytesAsync(PemFile + ".one", padded);
                break;
        }

        await running.DecideAsync();

        Assert.Equal(second.Serial, running.Published[Domain][^1].Serial);
        Assert.Empty(_ca.Requests);
    }

    [Fact]
    public async Task One_that_is_put_there_while_the_CA_issues_is_not_overwritten()
    {
        StoredCertificate? owners = null;
        await using var running = Run((request, _) =>
        {
            owners = Place(TimeSpan.FromDays(90));
            var made = _authority.Make(request.Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
            return Task.FromResult(new Issuance(made, ChallengeKind.Http));
        });
        await RenewalScheduleTests.StartAsync(running);

        Assert.Equal(owners!.Pem, await File.ReadAllBytesAsync(PemFile));
        Assert.Equal(owners.Serial, Assert.Single(running.Published[Domain]).Serial);
        Assert.True(running.Renewal.StateOf(Domain).IsOwners);
    }

    [Fact]
    public async Task What_was_issued_and_not_used_is_not_asked_for_again_at_once()
    {
        var issued = 0;
        await using var running = Run((request, _) =>
        {
            issued++;
            Place(TimeSpan.FromDays(90));
            var made = _authority.Make(request.Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
            return Task.FromResult(new Issuance(made, ChallengeKind.Http));
        });
        await RenewalScheduleTests.StartAsync(running);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
        for (var i = 0; i < 60; i++)
        {
            File.Delete(PemFile);
            await running.DecideAsync();
            var state = running.Renewal.StateOf(Domain);
            if (!state.IsOwners) Assert.StartsWith("issued, and not used: ", state.Failure, StringComparison.Ordinal);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }
        // At first, and after 1, 2, 4, 8, 16 and 32 minutes or a little more.
        Assert.InRange(issued, 5, 7);
    }

    [Fact]
    public async Task One_from_before_that_stands_in_holds_no_new_certificate_back()
    {
        var before = Place(TimeSpan.FromDays(60));
        File.Move(PemFile, PemFile + ".previous");
        _ca.Tamper = (_, _) => new FakeAnswer(500, "text/plain", "");
        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);
        var state = running.Renewal.StateOf(Domain);
        Assert.Equal((CertificateCondition.Valid, false), (state.Condition, state.IsOwners));
        Assert.Equal(before.Serial, Assert.Single(running.Published[Domain]).Serial);

        _ca.Tamper = (_, right) => right;
        Assert.Null(running.Renewal.Renew(Domain));
        await running.Renewal.WhenIdle();
        for (var i = 0; i < 3; i++) await running.DecideAsync();
        Assert.Equal(1, _ca.Orders);
        Assert.StartsWith("Issued to hotcore by: ", await File.ReadAllTextAsync(PemFile), StringComparison.Ordinal);
        Assert.Equal(2, running.Published[Domain].Count);
    }

    [Fact]
    public async Task One_that_is_put_there_while_the_CA_wants_no_requests_is_used_and_one_taken_away_gives_way_to_the_CAs()
    {
        _ca.Tamper = (_, _) => FakeCa.Problem(429, "rateLimited", "slower", "Retry-After: 3600");
        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);
        var owners = Place(TimeSpan.FromDays(90));
        await running.DecideAsync();
        Assert.Equal(owners.Serial, Assert.Single(running.Published[Domain]).Serial);

        _ca.Tamper = (_, right) => right;
        _clock.Advance(TimeSpan.FromHours(2));
        File.Delete(PemFile);
        await running.DecideAsync();

        Assert.Equal((CertificateCondition.Valid, false), (running.Renewal.StateOf(Domain).Condition, running.Renewal.StateOf(Domain).IsOwners));
        Assert.Equal(1, _ca.Orders);
    }

    [Fact]
    public async Task One_that_is_still_being_copied_is_waited_for_and_the_one_in_force_goes_on()
    {
        var first = Place(TimeSpan.FromDays(60));
        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);
        var second = _authority.Make(Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        foreach (var length in (int[])[0, 100, second.Pem.Length / 2])
        {
            await File.WriteAllBytesAsync(PemFile, second.Pem[..length]);
            File.SetLastWriteTimeUtc(PemFile, _clock.GetUtcNow().UtcDateTime);
            _clock.Advance(TimeSpan.FromSeconds(9));
            await running.DecideAsync();
            Assert.Equal(first.NotAfter, running.Renewal.StateOf(Domain).NotAfter);
        }
        await File.WriteAllBytesAsync(PemFile, second.Pem);
        File.SetLastWriteTimeUtc(PemFile, _clock.GetUtcNow().UtcDateTime);
        await running.DecideAsync();
        Assert.Equal(second.Serial, running.Published[Domain][^1].Serial);

        // What stays damaged is set aside.
        await File.WriteAllBytesAsync(PemFile, second.Pem[..100]);
        File.SetLastWriteTimeUtc(PemFile, _clock.GetUtcNow().UtcDateTime);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(_ca.Requests);
        await running.DecideAsync();
        Assert.Single(Directory.GetFiles(_folder["certificates"], "*damaged*"));
    }

    /// <summary>As a copy by root is, to the service; root, who runs these tests, reads all but what is no file at all.</summary>
    [Fact]
    public async Task One_that_cannot_be_read_is_not_replaced_and_status_says_what_to_do()
    {
        Directory.CreateDirectory(_folder["certificates"]);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(PemFile));
        await using var running = Run();
        for (var i = 0; i < 3; i++)
        {
            await RenewalScheduleTests.StartAsync(running);
            var state = running.Renewal.StateOf(Domain);
            Assert.Equal(CertificateCondition.Failed, state.Condition);
            Assert.StartsWith($"{PemFile} cannot be read (", state.Failure, StringComparison.Ordinal);
            _clock.Advance(TimeSpan.FromDays(1));
        }
        Assert.StartsWith($"{PemFile} cannot be read (", running.Renewal.Renew(Domain), StringComparison.Ordinal);
        Assert.Single(_log.All);
        Assert.Empty(_ca.Requests);

        File.Delete(PemFile);
        var owners = Place(TimeSpan.FromDays(90));
        await running.DecideAsync();
        Assert.Equal(owners.Serial, Assert.Single(running.Published[Domain]).Serial);
        Assert.Null(running.Renewal.StateOf(Domain).Failure);
    }

    [Fact]
    public async Task What_is_issued_says_so_in_its_file_so_that_no_record_is_needed_to_renew_it()
    {
        await using (var running = Run()) await RenewalScheduleTests.StartAsync(running);
        Assert.StartsWith($"Issued to hotcore by: {_ca.Directory} ", await File.ReadAllTextAsync(PemFile), StringComparison.Ordinal);
        File.Delete(Path.ChangeExtension(PemFile, ".json"));

        await using var again = Run();
        await RenewalScheduleTests.StartAsync(again);
        Assert.False(again.Renewal.StateOf(Domain).IsOwners);
        Assert.NotNull(again.Renewal.StateOf(Domain).NextRenewal);
        _clock.Advance(TimeSpan.FromDays(60));
        await again.DecideAsync();
        Assert.Equal(2, _ca.Orders);
    }

    [Fact]
    public async Task An_owner_who_leaves_that_line_above_another_certificate_has_a_certificate_of_their_own()
    {
        _ca.RenewalInfo = _ => new FakeAnswer(200, "application/json", """
            {"suggestedWindow":{"start":"2027-01-20T00:00:00Z","end":"2027-01-21T00:00:00Z"}}
            """);
        await using (var running = Run()) await RenewalScheduleTests.StartAsync(running);
        var line = (await File.ReadAllLinesAsync(PemFile))[0];
        var owners = _authority.Make(Domain, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        await File.WriteAllTextAsync(PemFile, $"{line}\r\n{Encoding.ASCII.GetString(owners.Pem)}");

        await using var again = Run();
        await RenewalScheduleTests.StartAsync(again);
        Assert.True(again.Renewal.StateOf(Domain).IsOwners);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task What_an_early_version_issued_is_known_by_the_window_that_the_CA_has_for_it(bool hasWindow, bool isOwners)
    {
        var placed = Place(TimeSpan.FromDays(90));
        var end = placed.NotAfter.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);
        var window = hasWindow ? ""","windowStart":"2026-12-22T00:00:00Z","windowEnd":"2026-12-23T00:00:00Z" """ : "";
        await File.WriteAllTextAsync(
            Path.ChangeExtension(PemFile, ".json"), $$"""{"notAfter":"{{end}}","renewAt":"2026-12-22T12:00:00Z"{{window}}}""");

        await using var running = Run();
        await RenewalScheduleTests.StartAsync(running);

        Assert.Equal(isOwners, running.Renewal.StateOf(Domain).IsOwners);
        _clock.Advance(TimeSpan.FromDays(31));
        await running.DecideAsync();
        Assert.Equal(isOwners ? 0 : 1, _ca.Orders);
    }

    private async Task AssertKeptAsync(StoredCertificate owners)
    {
        var kept = Assert.Single(Directory.GetFiles(_folder["certificates"], "a.example.com.pem.owner-20270101T080000Z"));
        Assert.Equal(owners.Pem, await File.ReadAllBytesAsync(kept));
        Assert.Contains(_log.All, line => line.Contains($"your own, which serves no more, is kept as {kept}", StringComparison.Ordinal));
    }

    private StoredCertificate Place(TimeSpan left, TimeSpan age = default)
    {
        var owners = _authority.Make(Domain, _clock.GetUtcNow() - age, age + left);
        Directory.CreateDirectory(_folder["certificates"]);
        File.WriteAllBytes(PemFile, owners.Pem);
        return owners;
    }

    private RunningRenewal Run(IssueCertificate? issue = null)
    {
        var settings = new AcmeSettings(_ca.Directory) { PollInterval = TimeSpan.FromMilliseconds(5) };
        return new RunningRenewal(
            settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, [Domain], issue);
    }
}

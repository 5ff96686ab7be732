using Hotcore.Certificates.Acme;
using Hotcore.Loops;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates;

/// <summary>Names that no public CA certifies, and what becomes of domains under them.</summary>
public sealed class PublicNamesTests : IDisposable
{
    private static readonly DomainName Private = RunningRenewal.Name("app.internal");

    private readonly TemporaryFolder _folder = new();
    private readonly HttpChallenges _http = new();
    private readonly LogLines _log = new();
    private readonly ManualClock _clock = new();
    private readonly TestAuthority _authority = new();
    private readonly FakeCa _ca;

    public PublicNamesTests() => _ca = new FakeCa(_http, _clock);

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("app.localhost")]
    [InlineData("intranet")]
    [InlineData("com")]
    [InlineData("printer.local")]
    [InlineData("a.b.internal")]
    [InlineData("app.test")]
    [InlineData("app.example")]
    [InlineData("app.invalid")]
    [InlineData("abcdef.onion")]
    [InlineData("home.arpa")]
    [InlineData("nas.home.arpa")]
    [InlineData("nas.lan")]
    [InlineData("nas.home")]
    [InlineData("wiki.corp")]
    [InlineData("APP.Internal.")]
    [InlineData("my_app.a.com")]
    [InlineData("a.my_app.com")]
    public void Names_of_private_and_special_use_are_not_public(string name) =>
        Assert.False(PublicNames.Include(RunningRenewal.Name(name)));

    [Theory]
    [InlineData("a.com")]
    [InlineData("example.com")]
    [InlineData("test.de")]
    [InlineData("localhost.a.com")]
    [InlineData("app.internal.a.com")]
    [InlineData("mylocal.org")]
    [InlineData("a.notinternal")]
    [InlineData("nohome.arpa")]
    [InlineData("xn--bcher-kva.example.org")]
    public void All_others_are(string name) => Assert.True(PublicNames.Include(RunningRenewal.Name(name)));

    [Fact]
    public async Task A_public_ca_is_never_asked_for_a_name_that_it_does_not_certify()
    {
        await using (var running = Run(isPublic: true))
        {
            running.Renewal.Ensure(Private);
            await running.Renewal.WhenSettled(Private);
            AssertNone(running);
            _clock.Advance(TimeSpan.FromDays(1));
            await running.DecideAsync();
            AssertNone(running);
        }
        await using var again = Run(isPublic: true, Private);
        await RenewalScheduleTests.StartAsync(again);
        await again.Renewal.WhenSettled(Private);
        AssertNone(again);
        Assert.Empty(_ca.Requests);
        Assert.Equal(2, _log.All.Count(line => line.Contains("none is asked for", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Status_says_that_it_is_the_underscore_for_which_there_is_no_certificate()
    {
        var domain = RunningRenewal.Name("my_app.a.com");
        await using var running = Run(isPublic: true);
        running.Renewal.Ensure(domain);
        await running.Renewal.WhenSettled(domain);
        Assert.StartsWith(
            "no public CA certifies my_app.a.com, which has an underscore: use a name without one, put a certificate of your own",
            running.Renewal.StateOf(domain).Failure, StringComparison.Ordinal);
        Assert.Empty(_ca.Requests);
    }

    [Fact]
    public async Task A_handshake_does_not_wait_for_a_certificate_that_never_comes()
    {
        using var mayAnswer = new ManualResetEventSlim();
        _ca.Tamper = (_, right) =>
        {
            mayAnswer.Wait();
            return right;
        };
        await using (var running = Run(isPublic: true))
        {
            running.Renewal.Ensure(Private);
            var settled = running.Renewal.WhenSettled(Private);
            var isSettled = await Task.WhenAny(settled, Task.Delay(RunningLoop.Limit)) == settled;
            var mayCome = running.Renewal.MayCome(Private);
            mayAnswer.Set();
            Assert.Equal((true, false), (isSettled, mayCome));
        }
    }

    [Fact]
    public async Task A_ca_that_the_owner_named_is_asked_for_every_name()
    {
        Assert.True(AcmeSettings.LetsEncrypt.IsPublic);
        await using var running = Run(isPublic: false);
        running.Renewal.Ensure(Private);
        await running.Renewal.WhenSettled(Private);
        Assert.Equal(CertificateCondition.Valid, running.Renewal.StateOf(Private).Condition);
    }

    [Fact]
    public async Task A_certificate_that_its_owner_put_there_serves_such_a_name_to_its_end()
    {
        await using var running = Run(isPublic: true, Private);
        var placed = _authority.Make(Private, _clock.GetUtcNow(), TimeSpan.FromDays(90));
        await File.WriteAllBytesAsync(running.Store.PathOf(Private), placed.Pem);
        await RenewalScheduleTests.StartAsync(running);
        Assert.Equal(
            new CertificateState(CertificateCondition.Valid, placed.NotAfter, IsOwners: true), running.Renewal.StateOf(Private));

        _clock.Advance(TimeSpan.FromDays(80));
        await running.DecideAsync();
        var late = running.Renewal.StateOf(Private);
        Assert.Equal(CertificateCondition.Valid, late.Condition);
        Assert.Contains("no public CA certifies", late.Failure, StringComparison.Ordinal);

        _clock.Advance(TimeSpan.FromDays(20));
        await running.DecideAsync();
        var ended = running.Renewal.StateOf(Private);
        Assert.Equal((CertificateCondition.Failed, null), (ended.Condition, ended.NextTry));
        Assert.Empty(_ca.Requests);
    }

    private void AssertNone(RunningRenewal running)
    {
        var state = running.Renewal.StateOf(Private);
        Assert.Equal(CertificateState.None, state with { Failure = null });
        Assert.Contains("no public CA certifies app.internal", state.Failure, StringComparison.Ordinal);
        Assert.Contains(running.Store.PathOf(Private), state.Failure, StringComparison.Ordinal);
    }

    private RunningRenewal Run(bool isPublic, params DomainName[] mapped)
    {
        var settings = new AcmeSettings(_ca.Directory)
        {
            IsPublic = isPublic,
            PollInterval = TimeSpan.FromMilliseconds(5),
        };
        return new RunningRenewal(
            settings, _folder["certificates"], _http, new TlsChallenges(), _log, _clock, mapped);
    }
}

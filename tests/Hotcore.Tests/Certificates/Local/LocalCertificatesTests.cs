using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Hotcore.Certificates.Local;

public sealed class LocalCertificatesTests : IDisposable
{
    private readonly AuthorityFolder _folder = new();
    private readonly LocalAuthority _authority;
    private readonly LocalCertificates _certificates;

    public LocalCertificatesTests()
    {
        _authority = _folder.Open();
        _certificates = new LocalCertificates(_authority, _folder.Clock);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_certificate_is_issued_once_and_kept()
    {
        var first = await EnsureAsync("a.localhost");
        Assert.Same(first, await EnsureAsync("A.localhost"));
        Assert.True(_certificates.EnsureAsync(AuthorityFolder.Domain("a.localhost")).IsCompleted);
        Assert.NotSame(first, await EnsureAsync("b.localhost"));
    }

    [Fact]
    public async Task All_who_ask_at_once_get_the_same_one_and_a_hundred_names_one_each()
    {
        var asked = new Task<LocalCertificate>[1000];
        Parallel.For(0, asked.Length, i => asked[i] = EnsureAsync($"app-{i % 100}.localhost"));
        var issued = await Task.WhenAll(asked);
        Assert.Equal(100, issued.Distinct().Count());
        for (var i = 0; i < issued.Length; i++)
        {
            using var leaf = X509CertificateLoader.LoadCertificate(issued[i].ChainDer[0]);
            Assert.True(leaf.MatchesHostname($"app-{i % 100}.localhost"));
        }
    }

    [Fact]
    public async Task It_is_made_anew_once_less_than_a_third_of_its_time_is_left()
    {
        var first = await EnsureAsync("a.localhost");
        _folder.Clock.Advance(TimeSpan.FromDays(59.9));
        Assert.Same(first, await EnsureAsync("a.localhost"));
        _folder.Clock.Advance(TimeSpan.FromDays(0.2));
        var second = await EnsureAsync("a.localhost");
        Assert.NotSame(first, second);
        Assert.Equal("leaf: OK", _folder.Judge(second, "a.localhost", _authority.CertificatePath));
        Assert.Same(second, await EnsureAsync("a.localhost"));
    }

    [Fact]
    public async Task It_is_made_anew_after_its_end_and_after_the_clock_went_back()
    {
        var first = await EnsureAsync("a.localhost");
        _folder.Clock.Advance(TimeSpan.FromDays(400));
        var second = await EnsureAsync("a.localhost");
        Assert.Equal("leaf: OK", _folder.Judge(second, "a.localhost", _authority.CertificatePath));
        _folder.Clock.Advance(TimeSpan.FromDays(-399));
        var third = await EnsureAsync("a.localhost");
        Assert.Equal("leaf: OK", _folder.Judge(third, "a.localhost", _authority.CertificatePath));
        Assert.Equal(3, new[] { first, second, third }.Distinct().Count());
    }

    [Fact]
    public async Task A_ca_about_to_end_still_issues_and_one_that_ended_fails_whoever_asks()
    {
        _folder.Clock.Advance(_authority.NotAfter - _folder.Clock.GetUtcNow() - TimeSpan.FromMinutes(5));
        var last = await EnsureAsync("a.localhost");
        Assert.Equal(_authority.NotAfter, last.NotAfter);
        _folder.Clock.Advance(TimeSpan.FromMinutes(6));
        await Assert.ThrowsAsync<InvalidOperationException>(() => EnsureAsync("a.localhost"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => EnsureAsync("a.localhost"));
        _folder.Clock.Advance(TimeSpan.FromDays(-1));
        await EnsureAsync("a.localhost");
    }

    [Fact]
    public async Task No_more_are_kept_than_there_is_room_for()
    {
        var few = new LocalCertificates(_authority, _folder.Clock, capacity: 3);
        var first = few.EnsureAsync(AuthorityFolder.Domain("a0.localhost"));
        await first;
        for (var i = 1; i < 7; i++) await few.EnsureAsync(AuthorityFolder.Domain($"a{i}.localhost"));
        Assert.NotSame(first, few.EnsureAsync(AuthorityFolder.Domain("a0.localhost")));
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("a.localhost", true)]
    [InlineData("a.b.localhost", true)]
    [InlineData("mapped.com", true)]
    [InlineData("other.com", false)]
    [InlineData("www.mapped.com", false)]
    [InlineData("localhost.com", false)]
    [InlineData("notlocalhost", false)]
    public void Mapped_names_and_all_under_localhost_get_one(string name, bool mayIssue)
    {
        var mapped = AuthorityFolder.Domain("mapped.com");
        Assert.Equal(mayIssue, LocalCertificates.MayIssue(AuthorityFolder.Domain(name), mapped.Equals));
    }

    private Task<LocalCertificate> EnsureAsync(string name) => _certificates.EnsureAsync(AuthorityFolder.Domain(name));
}

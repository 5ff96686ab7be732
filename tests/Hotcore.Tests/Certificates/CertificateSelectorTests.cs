using Hotcore.Certificates.Acme;
using Hotcore.Mappings;
using Hotcore.Tls;
using Xunit;

namespace Hotcore.Certificates;

public sealed class CertificateSelectorTests
{
    private static readonly DomainName Domain = RunningRenewal.Name("a.example.com");

    private readonly CertificateSelector _selector = new(challenges: null, _ => { });

    public CertificateSelectorTests() => OpenSsl.Load();

    [Fact]
    public void A_certificate_that_comes_just_when_none_may_come_any_more_is_found()
    {
        var certificate = new TestAuthority().Make(Domain, DateTimeOffset.UtcNow, TimeSpan.FromDays(9));
        _selector.Origin = new Origin(() =>
        {
            _selector.Publish(Domain, certificate.ChainDer, certificate.KeyDer);
            return false;
        });

        Assert.Equal(ServerNameAnswer.Certificate, _selector.Choose("a.example.com"u8, isChallenge: false).Answer);
    }

    [Theory]
    [InlineData(true, nameof(ServerNameAnswer.Wait))]
    [InlineData(false, nameof(ServerNameAnswer.Unknown))]
    public void A_handshake_waits_for_a_certificate_only_where_one_may_come(bool mayCome, string answer)
    {
        _selector.Origin = new Origin(() => mayCome);

        Assert.Equal(answer, _selector.Choose("a.example.com"u8, isChallenge: false).Answer.ToString());
    }

    [Fact]
    public void While_another_attempt_asks_for_an_HTTP_answer_a_name_without_a_certificate_has_one_for_the_way_to_it()
    {
        var challenges = new TlsChallenges();
        var boards = new ChallengeBoards(new HttpChallenges(), challenges, TimeProvider.System);
        var mayCome = true;
        var selector = new CertificateSelector(challenges, _ => { }) { Origin = new Origin(() => mayCome) };

        boards.Put(Domain, ChallengeKind.Http, "token", "token.key");
        Assert.Equal(ServerNameAnswer.Wait, selector.Choose("a.example.com"u8, isChallenge: false).Answer);
        mayCome = false;
        Assert.Equal(ServerNameAnswer.Certificate, selector.Choose("A.example.com"u8, isChallenge: false).Answer);
        Assert.Equal(ServerNameAnswer.Unknown, selector.Choose("b.example.com"u8, isChallenge: false).Answer);
        Assert.Equal(ServerNameAnswer.Unknown, selector.Choose("a.example.com"u8, isChallenge: true).Answer);
        boards.Remove(Domain, ChallengeKind.Http, "token");
        Assert.Equal(ServerNameAnswer.Unknown, selector.Choose("a.example.com"u8, isChallenge: false).Answer);

        boards.Put(Domain, ChallengeKind.Tls, "token", "token.key");
        Assert.Equal(ServerNameAnswer.Unknown, selector.Choose("a.example.com"u8, isChallenge: false).Answer);
        Assert.Equal(ServerNameAnswer.Certificate, selector.Choose("a.example.com"u8, isChallenge: true).Answer);
    }

    private sealed class Origin(Func<bool> mayCome) : ICertificateOrigin
    {
        public bool MayCome(DomainName domain) => mayCome();

        public Task WhenSettled(DomainName domain) => Task.CompletedTask;
    }
}

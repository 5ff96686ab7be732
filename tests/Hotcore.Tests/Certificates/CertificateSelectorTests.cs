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
            _selector.Publish(Domain, certificate.ChainDer, certificate.KeyPkcs8);
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

    private sealed class Origin(Func<bool> mayCome) : ICertificateOrigin
    {
        public bool MayCome(DomainName domain) => mayCome();

        public Task WhenSettled(DomainName domain) => Task.CompletedTask;
    }
}

using Hotcore.Loops;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates.Acme;

public sealed class DomainLookTests
{
    private static readonly DomainName Here = RunningRenewal.Name("localhost");

    [Fact]
    public async Task A_token_that_comes_back_looks_well()
    {
        var challenges = new HttpChallenges();
        challenges.Put("token", "token.thumbprint");
        using var servers = new ChallengeServers(challenges, new TlsChallenges());
        Assert.Null(await LookAsync(servers.HttpPort, "token", "token.thumbprint"));
        var other = await LookAsync(servers.HttpPort, "token", "token.other");
        Assert.Equal("another server than this one answers at http://localhost", other);
        Assert.Equal(other, await LookAsync(servers.HttpPort, "unknown", "unknown.thumbprint"));
    }

    [Fact]
    public async Task A_port_where_nothing_answers_is_told()
    {
        using var closed = new ClosedPort();
        var told = await LookAsync(closed.Number, "token", "token.thumbprint");
        Assert.Equal("nothing answers at http://localhost", told);
    }

    [Fact]
    public async Task A_server_that_says_too_much_is_another()
    {
        using var server = new FakeHttpServer(_ => new FakeAnswer(200, "text/plain", new string('x', 100_000)));
        var told = await LookAsync(new Uri(server.Url).Port, "token", "token.thumbprint");
        Assert.Equal("another server than this one answers at http://localhost", told);
    }

    private static Task<string?> LookAsync(int port, string token, string keyAuthorization) =>
        DomainLook.LookAsync(Here, port, token, keyAuthorization, RunningLoop.Limit);
}

using System.Globalization;

namespace Hotcore.EndToEndTests;

/// <summary>An edge that redirects all of plain HTTP to https, the CA's question included.</summary>
public class ChallengesBehindAnEdge : IAsyncLifetime
{
    private const string Domain = "edge.example.com";
    private const string Other = "other.example.com";

    private readonly Pebble _pebble = new();
    private readonly TestAuthority _authority = new("by hand");
    private readonly TestUpstream _app = TestUpstream.Repeating();
    private RunningHotcore _hotcore = null!;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _hotcore.DisposeAsync();
        await _app.DisposeAsync();
        await _pebble.DisposeAsync();
        _authority.Dispose();
    }

    [Theory]
    [InlineData(301)]
    [InlineData(308)]
    public async Task A_certificate_is_renewed_through_a_redirect_to_https(int status)
    {
        await StartWith(_authority.Issue(Domain, until: DateTimeOffset.UtcNow.AddSeconds(-1)));
        await using var edge = Redirecting(status);
        // Its other way to validate leads nowhere.
        await _pebble.Start(edge.Port, tlsPort: 1);

        await _hotcore.Add(Domain, _app.Port);
        await _hotcore.UntilCertificateIs("valid", Domain);

        Assert.Equal("GET /", (await _hotcore.GetTls(Domain, _pebble.Trusted)).Text);
        Assert.NotEmpty(edge.Requests);
        Assert.DoesNotContain("acme-challenge", _app.Received);
    }

    /// <summary>Where a first attempt has failed: before that, handshakes wait for the certificate, the edge's too.</summary>
    [Fact]
    public async Task A_first_certificate_comes_through_a_redirect_at_the_second_attempt()
    {
        var failed = DateTimeOffset.UtcNow.AddMinutes(-1).ToString("O", CultureInfo.InvariantCulture);
        await StartWith(null, $$"""{"failures":1,"failedAt":"{{failed}}","nextTry":"{{failed}}","failure":"it failed"}""");
        await using var edge = Redirecting(301);
        await _pebble.Start(edge.Port, tlsPort: 1);

        await _hotcore.Add(Domain, _app.Port);
        await _hotcore.UntilCertificateIs("valid", Domain);

        Assert.Equal("GET /", (await _hotcore.GetTls(Domain, _pebble.Trusted)).Text);
    }

    [Fact]
    public async Task The_answer_is_given_over_both_protocols_and_by_whatever_name_the_edge_connects()
    {
        await StartWith(_authority.Issue(Domain, until: DateTimeOffset.UtcNow.AddSeconds(-1)));
        var answers = new TaskCompletionSource<string[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = TestUpstream.Serving(async connection =>
        {
            var target = (await connection.ExpectRequest()).Target;
            answers.TrySetResult([
                (await _hotcore.Get(Domain, target)).Text, await AskOverTls(Domain, target), await AskOverTls(Other, target),
                await AskOverHttp2(Domain, target), await AskOverHttp2(Other, target),
            ]);
            await connection.Send($"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        await _pebble.Start(gate.Port, tlsPort: 1);
        await _hotcore.Add(Other, _app.Port);
        await _hotcore.UntilCertificateIs("valid", Other);

        await _hotcore.Add(Domain, _app.Port);
        var given = await Wait.For(answers.Task, "the CA's question");

        Assert.Matches(@"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$", given[0]);
        Assert.All(given, answer => Assert.Equal(given[0], answer));
        Assert.DoesNotContain("acme-challenge", _app.Received);
        // Nothing else is answered by a wrong name.
        await using var client = await _hotcore.ConnectTls(Other, _authority.Trusted);
        Assert.Equal(421, (await client.Get(Domain, "/.well-known/acme-challenge/other")).Status);
    }

    private async Task StartWith(string? pem, string? record = null) =>
        _hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = _pebble.Acme,
            Prepare = data =>
            {
                Certificates.Put(data, Other, _authority.Issue(Other));
                if (pem is not null) Certificates.Put(data, Domain, pem);
                if (record is not null) File.WriteAllText(Path.Combine(data, "certificates", $"{Domain}.json"), record);
            },
        });

    private TestUpstream Redirecting(int status) => TestUpstream.Serving(async connection =>
    {
        var target = (await connection.ExpectRequest()).Target;
        await connection.Send($"HTTP/1.1 {status} Moved\r\nLocation: https://{Domain}:{_hotcore.Https.Port}{target}\r\n"
            + "Content-Length: 0\r\nConnection: close\r\n\r\n");
    });

    private async Task<string> AskOverTls(string serverName, string target)
    {
        await using var client = await _hotcore.ConnectTls(serverName, new TlsOptions());
        return (await client.Get(Domain, target)).Text;
    }

    private async Task<string> AskOverHttp2(string serverName, string target)
    {
        await using var client = await Http2Client.ConnectTls(_hotcore, serverName, tls: new TlsOptions());
        var stream = await client.Get(Domain, target);
        await client.ReadAnswer(stream);
        return stream.Text;
    }
}

namespace Hotcore.EndToEndTests;

/// <summary>What clients meet between `add` and the first certificate, and during a challenge.</summary>
public class FirstCertificate
{
    /// <summary>The extension by which a certificate is the answer to a challenge (RFC 8737 3).</summary>
    private const string AcmeIdentifier = "1.3.6.1.5.5.7.1.31";

    [Fact]
    public async Task A_handshake_waits_for_the_first_certificate_while_plain_HTTP_is_proxied()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Repeating();
        var mayPass = new TaskCompletionSource();
        // pebble looks for the challenge here, and gets hotcore's answer once the test says so.
        await using var gate = TestUpstream.Serving(async connection =>
        {
            var request = await connection.ExpectRequest();
            await mayPass.Task;
            var answer = await hotcore.Get(request.Fields["Host"]!.Split(':')[0], request.Target);
            await connection.Send($"HTTP/1.1 {answer.Status} Answer\r\nConnection: close\r\n"
                + $"Content-Length: {answer.Body.Length}\r\n\r\n{answer.Text}");
        });
        await pebble.Start(gate.Port, tlsPort: 1);

        var domain = await hotcore.AddNewDomain(app.Port);
        // hotcore has a handshake wait for some seconds only, of which the way up to here is no part.
        await Wait.Until(() => gate.Requests.Count > 0, "pebble's look at the challenge");
        var early = hotcore.GetTls(domain, pebble.Trusted, "/early");
        var meanwhile = await hotcore.Get(domain, "/meanwhile");
        await hotcore.UntilCertificateIs("pending", domain);
        await Wait.ToSeeThatNothingHappens();
        Assert.False(early.IsCompleted);
        mayPass.SetResult();

        Assert.Equal("GET /meanwhile", meanwhile.Text);
        Assert.Equal("GET /early", (await early).Text);
        Assert.Equal(308, (await hotcore.Get(domain)).Status);
    }

    [Fact]
    public async Task A_handshake_right_after_add_succeeds()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Repeating();
        await pebble.Start(hotcore);
        // What only the very first certificate costs, an account above all, is no part of the handshake's wait.
        await hotcore.UntilCertificateIs("valid", await hotcore.AddNewDomain(app.Port));

        var domain = await hotcore.AddNewDomain(app.Port);

        Assert.Equal("GET /", (await hotcore.GetTls(domain, pebble.Trusted)).Text);
    }

    [Fact]
    public async Task A_handshake_whose_certificate_does_not_come_is_given_up()
    {
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = AcmeDirectory.Unreachable });
        await using var app = TestUpstream.Repeating();
        var domain = await hotcore.AddNewDomain(app.Port);

        await Assert.ThrowsAnyAsync<Exception>(() => hotcore.ConnectTls(domain, new TlsOptions()));

        Assert.Equal("GET /", (await hotcore.Get(domain)).Text);
    }

    [Fact]
    public async Task Only_a_client_that_offers_acme_tls_1_gets_the_challenge_certificate()
    {
        await using var pebble = new Pebble();
        using var authority = new TestAuthority("by hand");
        const string domain = "renewed.example.com";
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = pebble.Acme,
            // By another CA than the present one, so that a new one is asked for.
            Prepare = data => Certificates.Put(data, domain, Certificates.MarkIssued(authority.Issue(domain), "https://ca.example/")),
        });
        await using var app = TestUpstream.Repeating();
        // Listens, and says nothing: the challenge stays open as long as pebble has patience.
        await using var silence = TestUpstream.Scripted();
        await pebble.Start(httpPort: 1, silence.Port);

        await hotcore.Add(domain, app.Port);
        using var look = await silence.Accept();
        await using var validator = await hotcore.ConnectTls(domain, new TlsOptions { Alpn = ["acme-tls/1"] });
        await using var visitor = await hotcore.ConnectTls(domain, authority.Trusted);
        await using var modern = await hotcore.ConnectTls(
            domain, new TlsOptions { Root = authority.Certificate, Alpn = ["http/1.1"] });

        Assert.Contains(validator.Certificate.Extensions, extension => extension.Oid!.Value == AcmeIdentifier);
        Assert.Equal("acme-tls/1", validator.Tls!.NegotiatedApplicationProtocol.ToString());
        Assert.DoesNotContain(visitor.Certificate.Extensions, extension => extension.Oid!.Value == AcmeIdentifier);
        Assert.DoesNotContain(modern.Certificate.Extensions, extension => extension.Oid!.Value == AcmeIdentifier);
        Assert.Equal("GET /", (await visitor.Get(domain)).Text);
    }

    [Fact]
    public async Task Without_a_challenge_a_client_that_offers_acme_tls_1_gets_none()
    {
        using var authority = new TestAuthority("by hand");
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = AcmeDirectory.Unreachable,
            Prepare = data => Certificates.Put(data, "quiet.example.com", authority.Issue("quiet.example.com")),
        });
        await hotcore.Add("quiet.example.com", 8080);

        await Assert.ThrowsAnyAsync<Exception>(
            () => hotcore.ConnectTls("quiet.example.com", new TlsOptions { Alpn = ["acme-tls/1"] }));
    }
}

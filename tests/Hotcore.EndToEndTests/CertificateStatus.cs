using System.Globalization;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests;

/// <summary>What status and log say of certificates, and with what exit status.</summary>
public partial class CertificateStatus
{
    [Fact]
    public async Task A_certificate_goes_from_pending_to_valid_with_its_end_and_its_renewal()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Repeating();
        await pebble.Start(hotcore);

        var domain = await hotcore.AddNewDomain(app.Port);
        Assert.Matches("certificate (pending|valid)", await hotcore.Control($"status {domain}"));
        var line = await hotcore.UntilCertificateIs("valid", domain);

        var match = ValidUntil().Match(line);
        Assert.True(match.Success, line);
        var end = DateTimeOffset.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        var renewal = DateTimeOffset.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        Assert.InRange(end, DateTimeOffset.UtcNow.AddDays(89), DateTimeOffset.UtcNow.AddDays(91));
        Assert.InRange(renewal, DateTimeOffset.UtcNow.AddDays(50), end.AddDays(-1));
        // The port must have answered once for all to be well.
        await hotcore.GetTls(domain, pebble.Trusted);
        var all = await hotcore.Run();
        Assert.Contains(domain, all.Output);
        Assert.Equal(0, all.ExitCode);
        await UntilLogged(hotcore, domain, "valid until");
    }

    [Fact]
    public async Task A_failure_says_why_and_when_it_is_tried_again_and_survives_a_restart()
    {
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = AcmeDirectory.Unreachable });
        await using var app = TestUpstream.Repeating();

        var domain = await hotcore.AddNewDomain(app.Port);
        var line = await hotcore.UntilCertificateIs("failed", domain);

        var retry = DateTimeOffset.Parse(Time().Match(line).Value, CultureInfo.InvariantCulture);
        Assert.InRange(retry, DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddMinutes(3));
        Assert.Matches("(?i)refused|reach|connect", line);
        var all = await hotcore.Run();
        Assert.Equal(1, all.ExitCode);
        Assert.Contains(domain, all.Output);
        await UntilLogged(hotcore, domain, "127.0.0.1:1");

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.WaitForExit();
        await hotcore.StartAgain();
        // The same time: a restart is no reason to ask the CA sooner.
        var after = await hotcore.UntilCertificateIs("failed", domain);
        Assert.Equal(retry, DateTimeOffset.Parse(Time().Match(after).Value, CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(80, 0)]
    public async Task A_certificate_within_3_days_of_its_end_needs_attention(int daysLeft, int exitCode)
    {
        const string domain = "ending.example.com";
        using var authority = new TestAuthority("by hand");
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = AcmeDirectory.Unreachable,
            Prepare = data => Certificates.Put(
                data, domain, Certificates.MarkIssued(
                    authority.Issue(domain, until: DateTimeOffset.UtcNow.AddDays(daysLeft)), AcmeDirectory.Unreachable.Url)),
        });
        await using var app = TestUpstream.Repeating();
        await hotcore.Add(domain, app.Port);
        await hotcore.GetTls(domain, authority.Trusted);

        var all = await hotcore.Run();

        Assert.Equal(exitCode, all.ExitCode);
    }

    [Fact]
    public async Task A_domain_that_fails_holds_up_no_other()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Repeating();
        var bad = hotcore.NewDomain();
        // pebble looks for the challenges here: the bad domain's DNS leads to a server that knows nothing of them.
        await using var elsewhere = TestUpstream.Serving(async connection =>
        {
            var request = await connection.ExpectRequest();
            var domain = request.Fields["Host"]!.Split(':')[0];
            if (domain == bad)
            {
                await connection.Send("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                return;
            }
            var answer = await hotcore.Get(domain, request.Target);
            await connection.Send($"HTTP/1.1 {answer.Status} Answer\r\nConnection: close\r\n"
                + $"Content-Length: {answer.Body.Length}\r\n\r\n{answer.Text}");
        });
        await pebble.Start(elsewhere.Port, tlsPort: 1);

        await hotcore.Add(bad, app.Port);
        var good = await hotcore.AddNewDomain(app.Port);

        await hotcore.UntilCertificateIs("valid", good);
        await hotcore.UntilCertificateIs("failed", bad);
        Assert.Equal("GET /", (await hotcore.GetTls(good, pebble.Trusted)).Text);
        Assert.Equal("GET /", (await hotcore.Get(bad)).Text);
        await UntilLogged(hotcore, bad, "404");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_removed_domains_certificate_is_kept_for_a_later_add(bool restarts)
    {
        const string domain = "kept.example.com";
        using var authority = new TestAuthority("by hand");
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = AcmeDirectory.Unreachable,
            Prepare = data => Certificates.Put(data, domain, authority.Issue(domain)),
        });
        await using var app = TestUpstream.Repeating();
        await hotcore.Add(domain, app.Port);
        Assert.Equal("GET /", (await hotcore.GetTls(domain, authority.Trusted)).Text);

        Assert.Equal($"ok {domain}", await hotcore.Control($"remove {domain}"));
        if (restarts)
        {
            await hotcore.Kill();
            await hotcore.StartAgain();
        }
        await hotcore.Add(domain, app.Port);

        Assert.Equal("GET /", (await hotcore.GetTls(domain, authority.Trusted)).Text);
    }

    [Fact]
    public async Task A_removed_domain_is_an_unknown_name_to_the_next_handshake()
    {
        const string domain = "removed.example.com";
        using var authority = new TestAuthority("by hand");
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = AcmeDirectory.Unreachable,
            Prepare = data => Certificates.Put(data, domain, authority.Issue(domain)),
        });
        await using var app = TestUpstream.Repeating();
        await hotcore.Add(domain, app.Port);
        Assert.Equal("GET /", (await hotcore.GetTls(domain, authority.Trusted)).Text);

        Assert.Equal($"ok {domain}", await hotcore.Control($"remove {domain}"));

        await Assert.ThrowsAnyAsync<Exception>(() => hotcore.ConnectTls(domain, authority.Trusted));
    }

    [Theory]
    [InlineData("wiki.internal")]
    [InlineData("app.localhost")]
    public async Task A_CA_that_the_owner_named_is_asked_for_names_that_no_public_one_certifies(string domain)
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Repeating();
        await pebble.Start(hotcore);

        await hotcore.Add(domain, app.Port);
        await hotcore.UntilCertificateIs("valid", domain);

        Assert.Equal("GET /", (await hotcore.GetTls(domain, pebble.Trusted)).Text);
    }

    [Fact]
    public async Task An_unusable_file_of_roots_is_one_clear_message_at_the_start()
    {
        var folder = Directory.CreateTempSubdirectory("hotcore-e2e-");
        var roots = Path.Combine(folder.FullName, "roots.pem");
        await File.WriteAllTextAsync(roots, "no certificate");

        var finished = await HotcoreBinary.Run(
            "serve", "--data", folder.FullName, "--bind", "127.0.0.1", "--http-port", "0", "--https-port", "0",
            "--control-port", "0", "--acme-directory", AcmeDirectory.Unreachable.Url, "--acme-ca", roots);
        folder.Delete(recursive: true);

        Assert.InRange(finished.ExitCode, 1, 2);
        Assert.Contains(roots, finished.Error);
        Assert.DoesNotContain("   at ", finished.Error);
    }

    /// <summary>Waits for a line with both: hotcore writes what has happened soon after, and not before it says so.</summary>
    private static Task UntilLogged(RunningHotcore hotcore, string domain, string words) => Wait.Until(
        () => File.ReadLines(hotcore.LogFile).Any(line => line.Contains(domain) && line.Contains(words)),
        $"a line in the log with {domain} and {words}");

    [GeneratedRegex(@"certificate valid until (\S+Z) renews (\S+Z)")]
    private static partial Regex ValidUntil();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")]
    private static partial Regex Time();
}

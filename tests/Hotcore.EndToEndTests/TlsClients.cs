using System.Text.Json;

namespace Hotcore.EndToEndTests;

/// <summary>Clients that everybody has: curl, openssl, a browser.</summary>
public class TlsClients(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Curl_trusts_the_local_CA_and_uploads_and_downloads()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var finished = await Curl.Run(
            "--cacert", Hotcore.LocalCaFile, "--resolve", $"{domain}:{Hotcore.Https.Port}:127.0.0.1",
            "--data", "hello", $"https://{domain}:{Hotcore.Https.Port}/path");

        Assert.Equal("POST /path hello", finished.All.Trim());
    }

    [Fact]
    public async Task Openssl_is_refused_with_TLS_1_1()
    {
        var domain = await Hotcore.AddNewDomain(8080);

        var output = await OpenSsl(domain, "", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0");

        Assert.Contains("alert protocol version", output);
    }

    [Fact]
    public async Task Openssl_may_not_renegotiate()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        // A line that begins with R makes openssl renegotiate.
        var output = await OpenSsl(domain, "R\n", "-tls1_2");

        Assert.Contains("Secure Renegotiation IS supported", output);
        Assert.Contains("RENEGOTIATING", output);
        Assert.Contains("no renegotiation", output);
        Assert.Equal("GET /", (await Hotcore.GetTls(domain)).Text);
    }

    [Theory]
    [InlineData("-tls1_2", "TLSv1.2")]
    [InlineData("-tls1_3", "TLSv1.3")]
    public async Task Openssl_resumes_its_session(string option, string protocol)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var session = Path.GetTempFileName();
        var request = $"GET /resumed HTTP/1.1\nHost: {domain}\nConnection: close\n\n";

        var first = await OpenSsl(domain, request, option, "-crlf", "-sess_out", session);
        var second = await OpenSsl(domain, request, option, "-crlf", "-sess_in", session);
        File.Delete(session);

        Assert.Contains($"New, {protocol}", first);
        Assert.Contains($"Reused, {protocol}", second);
        Assert.Contains("GET /resumed", second);
    }

    [Fact]
    public async Task Openssl_gets_a_new_ticket_with_each_session_of_TLS_1_3_that_it_resumes()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var session = Path.GetTempFileName();
        var request = $"GET / HTTP/1.1\nHost: {domain}\nConnection: close\n\n";

        await OpenSsl(domain, request, "-tls1_3", "-crlf", "-sess_out", session);
        var ids = new HashSet<string>();
        for (var round = 0; round < 3; round++)
        {
            // The ticket that it writes is the newest one; without a new one it would write none, and come back with the old.
            var output = await OpenSsl(domain, request, "-tls1_3", "-crlf", "-sess_in", session, "-sess_out", session);

            Assert.Contains("Reused, TLSv1.3", output);
            Assert.Contains("Post-Handshake New Session Ticket arrived", output);
            ids.Add(await File.ReadAllTextAsync(session));
        }
        File.Delete(session);

        Assert.Equal(3, ids.Count);
    }

    [Theory]
    [InlineData("-tls1_2", "TLSv1.2")]
    [InlineData("-tls1_3", "TLSv1.3")]
    public async Task Openssl_may_not_resume_a_session_under_another_name(string option, string protocol)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var other = await Hotcore.AddNewDomain(upstream.Port);
        var session = Path.GetTempFileName();

        await OpenSsl(
            domain, $"GET / HTTP/1.1\nHost: {domain}\nConnection: close\n\n", option, "-crlf", "-sess_out", session);
        var request = $"GET /again HTTP/1.1\nHost: {other}\nConnection: close\n\n";
        var underOther = await OpenSsl(other, request, option, "-crlf", "-sess_in", session);
        var underItsOwn = await OpenSsl(domain.ToUpperInvariant(), "", option, "-sess_in", session);
        File.Delete(session);

        Assert.Contains($"New, {protocol}", underOther);
        Assert.Contains("GET /again", underOther);
        Assert.Contains($"Reused, {protocol}", underItsOwn);
    }

    [Fact]
    public async Task A_session_of_one_domain_does_not_open_another()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var other = await Hotcore.AddNewDomain(upstream.Port);
        var session = Path.GetTempFileName();

        await OpenSsl(domain, $"GET / HTTP/1.1\nHost: {domain}\nConnection: close\n\n", "-crlf", "-sess_out", session);
        var output = await OpenSsl(
            other, $"GET / HTTP/1.1\nHost: {domain}\nConnection: close\n\n", "-crlf", "-sess_in", session);
        File.Delete(session);

        // Resumed or not: the request belongs to the name of this handshake.
        Assert.Contains("HTTP/1.1 421", output);
    }

    [Fact]
    public async Task Openssl_is_told_of_the_orderly_end()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var output = await OpenSsl(domain, $"GET / HTTP/1.1\nHost: {domain}\nConnection: close\n\n", "-crlf", "-msg");

        Assert.Contains("<<< TLS 1.3, Alert [length 0002], warning close_notify", output);
        Assert.DoesNotContain("unexpected eof", output);
    }

    [Fact]
    public async Task A_browser_that_trusts_the_CA_shows_the_page_without_a_warning()
    {
        await using var upstream = TestUpstream.Answering(_ => Page);
        await Hotcore.Add("app.localhost", upstream.Port);
        using var browser = await Browser.Start();
        var page = $"https://app.localhost:{Hotcore.Https.Port}/";

        var warned = await browser.Show(page);
        await browser.Trust(Hotcore.LocalCaFile);
        var trusted = await browser.Show(page);

        Assert.DoesNotContain("shown over https", warned.Output);
        Assert.True(trusted.Output.Contains("shown over https"), trusted.All);
    }

    private const string Page =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 47\r\n\r\n<!doctype html><title>t</title>shown over https";

    private Task<string> OpenSsl(string serverName, string input, params string[] arguments) =>
        Harness.OpenSsl.Run(Hotcore, serverName, input, arguments);
}

/// <summary>What testssl.sh finds fault with. A class of its own, so that its minute passes beside the others.</summary>
public class TlsAudit(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>Findings that say nothing about hotcore's TLS, and why.</summary>
    private static readonly Dictionary<string, string> Allowed = new()
    {
        ["engine_problem"] = "is about the openssl that testssl.sh itself runs",
        ["cert_chain_of_trust"] = "a local CA is in no public store",
        ["cert_revocation"] = "a local CA has neither CRL nor OCSP",
        ["sessionresumption_ticket"] = "its openssl may leave before a ticket of TLS 1.3 has come; TlsClients waits for it",
        ["sessionresumption_ID"] = "as with tickets",
        ["secure_renego"] = "testssl.sh 3.0 cannot look with OpenSSL 3; TlsClients does, with openssl itself",
    };

    [Fact]
    public async Task Testssl_finds_nothing_above_low()
    {
        await using var upstream = TestUpstream.Repeating();
        await Hotcore.Add("audit.localhost", upstream.Port);
        var report = Path.Combine(Directory.CreateTempSubdirectory("hotcore-testssl-").FullName, "report.json");

        // Protocols, ciphers, forward secrecy, preferences, defaults and vulnerabilities. Left out: the response's
        // fields, which are the app's, and the simulation of clients, which is long and finds no faults.
        var finished = await Finished.Run(
            "testssl",
            [
                "--quiet", "--color", "0", "--warnings", "batch", "-p", "-s", "-f", "-P", "-S", "-U",
                "--jsonfile", report, "--ip", "127.0.0.1", $"https://audit.localhost:{Hotcore.Https.Port}/",
            ],
            limit: TimeSpan.FromMinutes(15));
        using var findings = JsonDocument.Parse(await File.ReadAllTextAsync(report));
        Directory.GetParent(report)!.Delete(recursive: true);

        var all = findings.RootElement.EnumerateArray().Select(finding => new
        {
            Id = finding.GetProperty("id").GetString()!,
            Severity = finding.GetProperty("severity").GetString()!,
            Text = finding.GetProperty("finding").GetString(),
        }).ToList();
        // That it looked at all.
        Assert.Contains("offered with final", Assert.Single(all, finding => finding.Id == "TLS1_3").Text);
        Assert.Equal("not offered", Assert.Single(all, finding => finding.Id == "TLS1_1").Text);
        Assert.True(
            all.Count(finding => finding.Severity is "OK") >= 20, $"few checks were made: {finished.All}");
        Assert.DoesNotContain(all, finding =>
            finding.Severity is not ("OK" or "INFO" or "LOW" or "DEBUG") && !Allowed.ContainsKey(finding.Id));
    }
}

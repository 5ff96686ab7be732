namespace Hotcore.EndToEndTests;

/// <summary>New certificates before their time: by a message or a command, and because the CA is another.</summary>
public class RenewalOnDemand
{
    [Fact]
    public async Task A_new_certificate_with_a_new_key_serves_soon_and_what_is_open_goes_on()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = pebble.Acme });
        await using var app = TestUpstream.Echoing();
        await pebble.Start(hotcore);
        var domain = await hotcore.AddNewDomain(app.Port);
        var other = await hotcore.AddNewDomain(app.Port);
        await hotcore.UntilCertificateIs("valid", domain);
        await hotcore.UntilCertificateIs("valid", other);
        await using var tunnel = await hotcore.ConnectTls(domain, pebble.Trusted);
        await tunnel.Upgrade(domain);
        var (before, keyBefore) = (tunnel.Certificate.SerialNumber, tunnel.Certificate.GetPublicKeyString());

        Assert.Equal($"ok {domain}", await hotcore.Control($"renew {domain.ToUpperInvariant()}."));
        var command = await hotcore.Run("renew", other);

        Assert.Equal(
            $"a new certificate for {other} is asked for; the present one serves until it is there (see: hotcore)\n", command.All);
        Assert.Equal(0, command.ExitCode);
        await UntilAnotherServes(hotcore, domain, before, pebble.Trusted);
        await using var client = await hotcore.ConnectTls(domain, pebble.Trusted);
        Assert.NotEqual(keyBefore, client.Certificate.GetPublicKeyString());
        using var onDisk = Certificates.ReadWhole(hotcore.CertificateFile(domain));
        Assert.Equal(onDisk.SerialNumber, client.Certificate.SerialNumber);
        await tunnel.ExpectEcho("still here");

        var again = await hotcore.Control($"renew {domain}");
        Assert.Matches($@"^error a new certificate for {domain} was asked for at \S+Z; it can be again at \S+Z", again);
        var refused = await hotcore.Run("renew", domain);
        Assert.Equal((1, again["error ".Length..] + "\n"), (refused.ExitCode, refused.Error));
        await hotcore.TakeOver();
        Assert.Equal(again, await hotcore.Control($"renew {domain}"));
        Assert.Contains($"renew {domain}, by ", await File.ReadAllTextAsync(hotcore.LogFile));
    }

    [Theory]
    [InlineData("renew", "error use: renew <domain>, for example: renew a.com")]
    [InlineData("renew a.com b.com", "error use: renew <domain>, for example: renew a.com")]
    [InlineData("renew nobody.example.com", "error nobody.example.com is not mapped; use: add nobody.example.com <port>")]
    [InlineData("renew mapped.example.com", "error in local mode no CA is asked: the certificate of mapped.example.com is made")]
    public async Task What_cannot_be_renewed_is_refused_with_what_would_help(string message, string reply)
    {
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Add("mapped.example.com", 8080);

        Assert.StartsWith(reply, await hotcore.Control(message));
    }

    [Fact]
    public async Task After_a_change_of_the_CA_the_old_certificate_serves_until_the_new_ones_is_there()
    {
        await using var staging = new Pebble();
        await using var production = new Pebble();
        await using var app = TestUpstream.Repeating();
        var (httpPort, httpsPort) = (FreePort.Take(), FreePort.Take());
        var data = Directory.CreateTempSubdirectory("hotcore-e2e-moved-");
        string domain, before;
        var ports = new StartOptions { HttpPort = httpPort, HttpsPort = httpsPort };
        await using (var hotcore = await RunningHotcore.Start(ports with { Acme = staging.Acme }))
        {
            await staging.Start(hotcore);
            domain = await hotcore.AddNewDomain(app.Port);
            await hotcore.UntilCertificateIs("valid", domain);
            await using var client = await hotcore.ConnectTls(domain, staging.Trusted);
            before = client.Certificate.SerialNumber;
            hotcore.Signal(ChildProcess.Terminate);
            await hotcore.WaitForExit();
            Copy(hotcore.DataFolder, data.FullName);
        }

        await using var moved = await RunningHotcore.Start(
            ports with { Acme = production.Acme, Prepare = folder => Copy(data.FullName, folder) });
        data.Delete(recursive: true);
        // The new CA cannot be reached yet.
        await Wait.Until(() => File.ReadLines(moved.LogFile).Any(line => line.Contains("tried again")), "a first failure");
        Assert.Equal("GET /", (await moved.GetTls(domain, staging.Trusted)).Text);
        Assert.Matches("certificate valid until .* retries .* because ", await moved.Control($"status {domain}"));
        await production.Start(moved);
        Assert.Equal($"ok {domain}", await moved.Control($"renew {domain}"));
        await UntilAnotherServes(moved, domain, before, new TlsOptions());

        Assert.Equal("GET /", (await moved.GetTls(domain, production.Trusted)).Text);
        Assert.Equal(2, Directory.GetFiles(moved.CertificateFolder, "account_*.pem").Length);
    }

    private static Task UntilAnotherServes(RunningHotcore hotcore, string domain, string serial, TlsOptions trusted) => Wait.Until(
        () =>
        {
            using var certificate = hotcore.ConnectTls(domain, trusted).GetAwaiter().GetResult().Certificate;
            return certificate.SerialNumber != serial;
        },
        "another certificate to serve");

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.Combine(to, "certificates"));
        foreach (var file in (string[])[.. Directory.GetFiles(from), .. Directory.GetFiles(Path.Combine(from, "certificates"))])
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)), overwrite: true);
    }
}

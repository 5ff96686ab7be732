using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests;

/// <summary>Certificates that their owner bought or made, beside a CA that would issue another at once.</summary>
public class OwnersCertificates : IAsyncLifetime
{
    private const string Domain = "bought.example.com";

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

    [Fact]
    public async Task One_that_two_thirds_of_are_over_is_used_and_warned_about_and_the_next_is_noticed_within_a_minute()
    {
        var end = DateTimeOffset.UtcNow.AddDays(20);
        await StartWith(_authority.Issue(Domain, from: DateTimeOffset.UtcNow.AddDays(-345), until: end));
        var file = _hotcore.CertificateFile(Domain);
        // What the CA would issue is there: another domain has it.
        await _hotcore.UntilCertificateIs("valid", await _hotcore.AddNewDomain(_app.Port));

        await _hotcore.Add(Domain, _app.Port);
        var line = await _hotcore.UntilCertificateIs("valid", Domain);

        Assert.Matches($@"certificate valid until {end:yyyy-MM-dd}T\S+Z from owner made \S+ because it is your own and ends at "
            + $"{end:yyyy-MM-dd}T[^:]+:[^:]+:[^:]+: put the next one into {file}; once it has ended, hotcore asks the CA", line);
        await UntilLogged("it is your own and ends at");
        Assert.Equal("GET /", (await _hotcore.GetTls(Domain, _authority.Trusted)).Text);
        var status = await _hotcore.Run();
        Assert.Equal(1, status.ExitCode);
        Assert.Contains($"your own certificate valid until {end:yyyy-MM-dd}", status.Output);
        Assert.Contains("1 of 2 domains need attention", status.Output);
        Assert.StartsWith(
            $"error the certificate of {Domain} is your own, valid until {end:yyyy-MM-dd}", await _hotcore.Control($"renew {Domain}"));

        var beside = file + ".mine";
        await File.WriteAllTextAsync(beside, _authority.Issue(Domain));
        File.SetLastWriteTimeUtc(beside, DateTime.UtcNow.AddYears(-1));
        using var next = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(beside));
        File.Move(beside, file, overwrite: true);
        // Nobody says a word of it. A slow machine may take a moment longer than the minute.
        await Wait.Until(() => SerialInForce() == next.SerialNumber, "the new file to serve", TimeSpan.FromSeconds(70));

        Assert.Equal(0, (await _hotcore.Run()).ExitCode);
        Assert.DoesNotContain("because", await _hotcore.Control($"status {Domain}"));
        Assert.Equal([file], Directory.GetFiles(_hotcore.CertificateFolder, $"{Domain}.pem*"));
    }

    [Fact]
    public async Task One_that_has_ended_is_replaced_and_kept()
    {
        var pem = _authority.Issue(Domain, until: DateTimeOffset.UtcNow.AddSeconds(-1));
        await StartWith(pem);

        await _hotcore.Add(Domain, _app.Port);
        await _hotcore.UntilCertificateIs("valid", Domain);

        Assert.Equal("GET /", (await _hotcore.GetTls(Domain, _pebble.Trusted)).Text);
        var kept = Assert.Single(Directory.GetFiles(_hotcore.CertificateFolder, $"{Domain}.pem.owner-*"));
        Assert.Equal(pem, await File.ReadAllTextAsync(kept));
        await UntilLogged($"your own, which serves no more, is kept as {kept}");
        Assert.DoesNotContain("owner", await _hotcore.Control($"status {Domain}"));
    }

    private string SerialInForce()
    {
        using var client = Wait.For(_hotcore.ConnectTls(Domain, _authority.Trusted), "a handshake").GetAwaiter().GetResult().Certificate;
        return client.SerialNumber;
    }

    private async Task StartWith(string pem)
    {
        _hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = _pebble.Acme,
            Prepare = data => Certificates.Put(data, Domain, pem),
        });
        await _pebble.Start(_hotcore);
    }

    private Task UntilLogged(string words) => Wait.Until(
        () => File.ReadLines(_hotcore.LogFile).Any(line => line.Contains(Domain) && line.Contains(words)),
        $"a line in the log with {words}");
}

namespace Hotcore.EndToEndTests;

/// <summary>`kill -9` at any moment between `add` and the certificate.</summary>
[Collection(nameof(Alone))]
public class KilledDuringIssuance
{
    private const int Rounds = 10;
    private const int DomainsPerRound = 3;

    [Fact]
    public async Task Whatever_was_begun_is_finished_after_the_restart_with_one_account_and_whole_files()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = pebble.Acme,
            // pebble must find it again after each restart.
            HttpPort = FreePort.Take(),
            HttpsPort = FreePort.Take(),
        });
        await using var app = TestUpstream.Repeating();
        await pebble.Start(hotcore);
        var random = new Random(9);
        var domains = new List<string>();
        var accountKeys = new HashSet<string>();

        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < DomainsPerRound; i++)
                domains.Add(await hotcore.AddNewDomain(app.Port));
            // An issuance takes some hundred milliseconds here: the kill comes before, within and after it.
            await Task.Delay(random.Next(round * 80 + 10));
            await hotcore.Kill();
            ExpectWholeFiles(hotcore, domains);
            await hotcore.StartAgain();
            foreach (var domain in domains)
                await hotcore.UntilCertificateIs("valid", domain);
            accountKeys.Add(await File.ReadAllTextAsync(AccountKeyFile(hotcore)));
        }

        Assert.Single(accountKeys);
        Assert.Equal(1, await pebble.EndAndCountAccounts());
        foreach (var domain in domains)
            Assert.Equal("GET /", (await hotcore.GetTls(domain, pebble.Trusted)).Text);
        ExpectWholeFiles(hotcore, domains);
        // No key without a certificate, the account's apart, and nothing that was being written at a kill.
        Assert.Equal(
            domains.Select(hotcore.CertificateFile).Append(AccountKeyFile(hotcore)).Order(),
            FilesWithKeys(hotcore).Where(file => !file.EndsWith(".previous")).Order());
    }

    /// <summary>Each file that carries a domain's name holds a certificate and its key.</summary>
    private static void ExpectWholeFiles(RunningHotcore hotcore, IEnumerable<string> domains)
    {
        foreach (var file in domains.Select(hotcore.CertificateFile).Where(File.Exists))
            Certificates.ReadWhole(file).Dispose();
    }

    private static string AccountKeyFile(RunningHotcore hotcore) =>
        Assert.Single(FilesWithKeys(hotcore), file => Path.GetFileName(file).Contains("account"));

    private static string[] FilesWithKeys(RunningHotcore hotcore) =>
    [
        .. Directory.GetFiles(hotcore.DataFolder, "*", SearchOption.AllDirectories)
            // What the running hotcore keeps for itself, and its socket.
            .Where(file => Path.GetFileName(file) is not ("lock" or "handover"))
            .Where(file => File.ReadAllText(file).Contains("PRIVATE KEY")),
    ];
}

using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests;

/// <summary>HTTPS on a developer's own machine.</summary>
public class LocalHttps(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Http_and_https_stand_side_by_side_without_a_redirect()
    {
        await using var upstream = TestUpstream.Repeating();
        await Hotcore.Add("side.localhost", upstream.Port);

        Assert.Equal("GET /plain", (await Hotcore.Get("side.localhost", "/plain")).Text);
        Assert.Equal("GET /secure", (await Hotcore.GetTls("side.localhost", target: "/secure")).Text);
        Assert.Equal("GET /plain", (await Hotcore.Get("side.localhost", "/plain")).Text);
        Assert.Contains("certificate local", await Hotcore.Control("status side.localhost"));
    }

    [Fact]
    public async Task A_name_with_underscores_is_served_over_both()
    {
        await using var upstream = TestUpstream.Repeating();
        await Hotcore.Add("my_app.localhost", upstream.Port);

        Assert.Equal("GET /plain", (await Hotcore.Get("My_App.localhost", "/plain")).Text);
        Assert.Equal("GET /secure", (await Hotcore.GetTls("my_app.localhost", target: "/secure")).Text);
        Assert.Contains($"my_app.localhost {upstream.Port}", await Hotcore.Control("list"));
        Assert.StartsWith("error 'xn--zz.localhost' is not a domain: ", await Hotcore.Control("add xn--zz.localhost 8080"));
        Assert.Equal("ok my_app.localhost", await Hotcore.Control("remove my_app.localhost"));
    }

    [Fact]
    public async Task A_name_under_localhost_that_is_not_mapped_is_an_unknown_domain_over_https_too()
    {
        var response = await Hotcore.GetTls("nobody.localhost");

        Assert.Equal(404, response.Status);
        Assert.Contains("nobody.localhost", response.Text);
    }

    [Fact]
    public async Task A_certificate_is_for_its_name_alone_and_short_lived()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await using var client = await Hotcore.ConnectTls(domain);

        var names = client.Certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal([domain], names.EnumerateDnsNames());
        // What browsers accept of a private CA at most.
        Assert.InRange(client.Certificate.NotAfter, DateTime.Now.AddDays(1), DateTime.Now.AddDays(398));
    }

    [Fact]
    public void The_CAs_key_is_readable_by_its_owner_alone()
    {
        var folder = Path.GetDirectoryName(Hotcore.LocalCaFile)!;
        var keys = Directory.GetFiles(folder).Where(file => File.ReadAllText(file).Contains("PRIVATE KEY")).ToArray();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Assert.Single(keys)));
        Assert.DoesNotContain("PRIVATE KEY", File.ReadAllText(Hotcore.LocalCaFile));
    }
}

/// <summary>Local mode's CA over restarts, and mkcert's in its place.</summary>
public class LocalAuthorities
{
    [Fact]
    public async Task The_CA_is_the_same_after_a_restart()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = TestUpstream.Repeating();
        await hotcore.Add("again.localhost", upstream.Port);
        var trusted = new TlsOptions { Root = TlsOptions.RootOf(hotcore.LocalCaFile) };
        Assert.Equal("GET /", (await hotcore.GetTls("again.localhost", trusted)).Text);

        await hotcore.Kill();
        await hotcore.StartAgain();

        Assert.Equal("GET /", (await hotcore.GetTls("again.localhost", trusted)).Text);
    }

    [Fact]
    public async Task Mkcerts_CA_is_used_where_there_is_one()
    {
        var folder = Directory.CreateTempSubdirectory("hotcore-mkcert-");
        var root = Path.Combine(folder.FullName, "rootCA.pem");
        var made = await Finished.Run(
            "mkcert",
            ["-cert-file", Path.Combine(folder.FullName, "leaf.pem"), "-key-file", Path.Combine(folder.FullName, "leaf-key.pem"), "localhost"],
            new Dictionary<string, string> { ["CAROOT"] = folder.FullName });
        Assert.True(made.ExitCode == 0, made.All);

        await using (var hotcore = await RunningHotcore.Start(new StartOptions { MkcertFolder = folder.FullName }))
        {
            await using var upstream = TestUpstream.Repeating();
            await hotcore.Add("made.localhost", upstream.Port);
            var trusted = new TlsOptions { Root = TlsOptions.RootOf(root) };

            Assert.Equal("GET /", (await hotcore.GetTls("made.localhost", trusted)).Text);
            Assert.Equal("GET /", (await hotcore.Get("made.localhost")).Text);
        }
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_damaged_mkcert_CA_does_not_stop_the_start()
    {
        var folder = Directory.CreateTempSubdirectory("hotcore-mkcert-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "rootCA.pem"), "no certificate");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "rootCA-key.pem"), "no key");

        await using (var hotcore = await RunningHotcore.Start(new StartOptions { MkcertFolder = folder.FullName }))
        {
            await using var upstream = TestUpstream.Repeating();
            await hotcore.Add("still.localhost", upstream.Port);

            Assert.Equal("GET /", (await hotcore.GetTls("still.localhost")).Text);
        }
        folder.Delete(recursive: true);
    }
}

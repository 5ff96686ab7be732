namespace Hotcore.EndToEndTests;

/// <summary>
/// A machine without a usable OpenSSL, in effect: the loader is shown a folder with other files of the libraries' names.
/// </summary>
public sealed class MissingOpenSsl : IDisposable
{
    private static readonly string[] Names = ["libssl.so.3", "libcrypto.so.3", "libssl.so.4", "libcrypto.so.4"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hotcore-e2e-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("broken", "libssl.so.3", "libssl.so.4")]
    [InlineData("broken", "libcrypto.so.3", "libcrypto.so.4")]
    [InlineData("another library", "libssl.so.3", "libssl.so.4")]
    [InlineData("another library", "libcrypto.so.3", "libcrypto.so.4")]
    public async Task A_server_says_what_to_install_and_does_not_start(string what, params string[] names)
    {
        var data = await LeaveMappings();
        Replace(what, names);

        var finished = await Serve(data);

        Assert.Equal(1, finished.ExitCode);
        var message = Assert.Single(
            finished.Error.Split('\n'), line => line.StartsWith("hotcore cannot start:", StringComparison.Ordinal));
        Assert.Contains("OpenSSL 3", message);
        Assert.Contains("apt install libssl3", message);
        Assert.DoesNotContain("   at ", finished.All);
        Assert.DoesNotContain("ready", finished.Output);
    }

    [Theory]
    [InlineData("broken")]
    [InlineData("another library")]
    public async Task Local_mode_says_what_to_install_and_serves_plain_HTTP(string what)
    {
        Replace(what, Names);
        await using var app = TestUpstream.Repeating();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { LibraryFolder = _folder.FullName });

        await hotcore.Add("app.localhost", app.Port);

        Assert.Equal("GET /", (await hotcore.Get("app.localhost")).Text);
        await hotcore.Kill();
        await hotcore.StartAgain();
        Assert.Equal("GET /", (await hotcore.Get("app.localhost")).Text);
        Assert.Contains(File.ReadLines(hotcore.LogFile), line => line.Contains("no HTTPS: OpenSSL 3"));
        Assert.DoesNotContain(hotcore.Banner, line => line.StartsWith("https", StringComparison.Ordinal));
    }

    /// <summary>The data folder of a hotcore that has run before.</summary>
    private async Task<string> LeaveMappings()
    {
        var data = _folder.CreateSubdirectory("data").FullName;
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.AddNewDomain(8080);
        File.Copy(hotcore.MappingFile, Path.Combine(data, "mappings"));
        return data;
    }

    private void Replace(string what, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var file = Path.Combine(_folder.FullName, name);
            if (what == "broken")
                File.WriteAllText(file, "no library");
            else
                File.Copy(AnotherLibrary(), file);
        }
    }

    /// <summary>One that this very process uses.</summary>
    private static string AnotherLibrary() =>
        File.ReadLines("/proc/self/maps").Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .First(file => Path.GetFileName(file).StartsWith("libm.so", StringComparison.Ordinal));

    private Task<Finished> Serve(string data) => Finished.Run(
        HotcoreBinary.Path,
        [
            "serve", "--data", data, "--bind", "127.0.0.1", "--http-port", "0", "--https-port", "0", "--control-port", "0",
            "--acme-directory", AcmeDirectory.Unreachable.Url,
        ],
        new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = _folder.FullName });
}

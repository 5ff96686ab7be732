namespace Hotcore.EndToEndTests.Harness;

/// <summary>Headless Chromium with a home of its own, in which no CA is trusted yet.</summary>
public sealed class Browser : IDisposable
{
    private static readonly SemaphoreSlim Network = new(1);

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("hotcore-browser-");

    private Browser()
    {
    }

    private string Certificates => Path.Combine(_home.FullName, ".pki", "nssdb");

    /// <summary>What the browser did in the network, as its own log tells.</summary>
    public string NetworkLog => File.ReadAllText(NetworkLogFile);

    /// <summary>What of that went wrong: failed connections, and streams and sessions that were ended for an error.</summary>
    public string NetworkErrors => string.Join(
        '\n', File.ReadLines(NetworkLogFile).Where(line => line.Contains("\"error_code\"") || line.Contains("\"net_error\":-")).TakeLast(20));

    private string NetworkLogFile => Path.Combine(_home.FullName, "network.json");

    public static async Task<Browser> Start()
    {
        var browser = new Browser();
        Directory.CreateDirectory(browser.Certificates);
        await browser.Certutil("-N", "--empty-password");
        return browser;
    }

    /// <summary>Trusts a CA from now on.</summary>
    public Task Trust(string caFile) => Certutil("-A", "-t", "C,,", "-n", "hotcore", "-i", caFile);

    /// <summary>Loads a page and all that belongs to it; the page as it is then is the output.</summary>
    public Task<Finished> Show(string url) => WhileNoneShows(() => Finished.Run(
        "chromium",
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            $"--user-data-dir={Path.Combine(_home.FullName, "profile")}", $"--log-net-log={NetworkLogFile}",
            "--dump-dom", url,
        ],
        new Dictionary<string, string> { ["HOME"] = _home.FullName },
        limit: TimeSpan.FromMinutes(3)));

    /// <summary>
    /// Changes this machine's network while no browser of these tests shows a page: with an address that comes or goes, a browser
    /// drops all its connections (ERR_NETWORK_CHANGED).
    /// </summary>
    public static async Task<T> WhileNoneShows<T>(Func<Task<T>> act)
    {
        await Network.WaitAsync();
        try
        {
            return await act();
        }
        finally
        {
            Network.Release();
        }
    }

    /// <summary>The same.</summary>
    public static Task WhileNoneShows(Func<Task> act) => WhileNoneShows(async () =>
    {
        await act();
        return true;
    });

    public void Dispose() => _home.Delete(recursive: true);

    private async Task Certutil(params string[] arguments)
    {
        var finished = await Finished.Run("certutil", ["-d", $"sql:{Certificates}", .. arguments]);
        Assert.True(finished.ExitCode == 0, finished.All);
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>How a test wants hotcore started. The defaults suit nearly all.</summary>
public sealed record StartOptions
{
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>
    /// RLIMIT_NOFILE, soft and hard (.NET raises the soft one to the hard one); null leaves the machine's.
    /// </summary>
    public int? OpenFiles { get; init; }

    /// <summary>Puts files into the new data folder before the start.</summary>
    public Action<string>? Prepare { get; init; }

    /// <summary>
    /// The CA of server mode. Null is local mode: there is no server mode without a CA of the test's own, so that no
    /// test ever asks the real one.
    /// </summary>
    public AcmeDirectory? Acme { get; init; }

    /// <summary>Fixed ports for what must find hotcore again after a restart; 0 for any that is free.</summary>
    public int HttpPort { get; init; }

    public int HttpsPort { get; init; }

    /// <summary>A folder that the loader looks into for libraries first; null for none.</summary>
    public string? LibraryFolder { get; init; }

    /// <summary>Where mkcert's CA is looked for; null for a folder that is not there.</summary>
    public string? MkcertFolder { get; init; }
}

/// <summary>Where a CA is asked, and the PEM file of the root of its own TLS, if the system has it not.</summary>
public sealed record AcmeDirectory(string Url, string? RootFile = null)
{
    /// <summary>A CA that nobody can reach: nothing listens on that port, and nothing ever will.</summary>
    public static AcmeDirectory Unreachable { get; } = new("https://127.0.0.1:1/dir");
}

/// <summary>
/// One `hotcore serve` with a temporary data folder and free ports. Its standard error goes into the output of the
/// test; its disposal ends it by its process id, and fails if it had already ended by itself.
/// </summary>
public sealed partial class RunningHotcore : IAsyncDisposable
{
    private readonly StartOptions _options;
    private readonly int _controlPort = FreePort.Take();
    private readonly StringBuilder _errorsOfEarlierProcesses = new();
    private ChildProcess _process = null!;
    private readonly List<ChildProcess> _predecessors = [];
    private bool _isMeantToRun;
    private int _domainCount;

    private RunningHotcore(StartOptions options) => _options = options;

    public string DataFolder { get; } = Directory.CreateTempSubdirectory("hotcore-e2e-").FullName;

    public string MappingFile => Path.Combine(DataFolder, "mappings");

    public string LogFile => Path.Combine(DataFolder, "hotcore.log");

    /// <summary>The root of the certificates that local mode makes.</summary>
    public string LocalCaFile => Path.Combine(DataFolder, "local-ca", "local-ca.pem");

    public string CertificateFolder => Path.Combine(DataFolder, "certificates");

    public string CertificateFile(string domain) => Path.Combine(CertificateFolder, $"{domain}.pem");

    public IPEndPoint Http { get; private set; } = null!;

    public IPEndPoint Https { get; private set; } = null!;

    public IPEndPoint ControlAddress { get; private set; } = null!;

    public IPEndPoint ControlAddress6 { get; private set; } = null!;

    /// <summary>The lines that hotcore printed at its start, `ready` included.</summary>
    public IReadOnlyList<string> Banner { get; private set; } = [];

    public int ProcessId => _process.Id;

    public string ControlPort => ControlAddress.Port.ToString();

    public string Version => Banner[0].Split(' ')[1];

    /// <summary>What all of this hotcore's processes wrote to standard error.</summary>
    public string Errors => _errorsOfEarlierProcesses + _process.Error;

    public static async Task<RunningHotcore> Start(StartOptions? options = null)
    {
        var hotcore = new RunningHotcore(options ?? new StartOptions());
        hotcore._options.Prepare?.Invoke(hotcore.DataFolder);
        await hotcore.StartProcess();
        return hotcore;
    }

    /// <summary>Starts it again over the same data folder, on new ports.</summary>
    public async Task StartAgain()
    {
        _errorsOfEarlierProcesses.Append(_process.Error);
        await _process.DisposeAsync();
        await StartProcess();
    }

    /// <summary>Starts a successor, which takes the place of the process that runs, and returns that one.</summary>
    public async Task<ChildProcess> TakeOver()
    {
        var predecessor = _process;
        _predecessors.Add(predecessor);
        _process = StartSuccessor();
        await ReadBanner();
        return predecessor;
    }

    /// <summary>Starts a successor, and no more.</summary>
    public ChildProcess StartSuccessor(IReadOnlyDictionary<string, string>? environment = null) =>
        Launch([.. Command(), "--take-over"], environment);

    /// <summary>Sends one message over UDP and returns the reply.</summary>
    public async Task<string> Control(string text)
    {
        using var socket = new ControlSocket(ControlAddress);
        return await socket.Ask(text);
    }

    /// <summary>Maps a domain; anything but `ok` fails the test.</summary>
    public async Task Add(string domain, int port) =>
        Assert.Equal($"ok {domain} {port}", await Control($"add {domain} {port}"));

    /// <summary>Maps a domain that no other test uses, and returns it.</summary>
    public async Task<string> AddNewDomain(int port)
    {
        var domain = NewDomain();
        await Add(domain, port);
        return domain;
    }

    public string NewDomain() => $"app{Interlocked.Increment(ref _domainCount)}.example.com";

    /// <summary>All mappings, page after page, in the order in which they came.</summary>
    public async Task<List<(string Domain, int Port)>> List()
    {
        var mappings = new List<(string, int)>();
        for (var message = "list"; ;)
        {
            var lines = (await Control(message)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var isLast = lines is not [.., "more"];
            foreach (var line in isLast ? lines : lines[..^1])
                mappings.Add((line.Split(' ')[0], int.Parse(line.Split(' ')[1])));
            if (isLast)
                return mappings;
            message = $"list after {mappings[^1].Item1}";
        }
    }

    public Task<RawClient> Connect() => RawClient.Connect(Http);

    /// <summary>A connection over TLS, with a handshake that accepts no other certificate than the domain's.</summary>
    public Task<RawClient> ConnectTls(string serverName, TlsOptions? options = null) =>
        RawClient.ConnectTls(Https, serverName, options ?? new TlsOptions { Root = TlsOptions.RootOf(LocalCaFile) });

    /// <summary>One GET over TLS, over a connection of its own.</summary>
    public async Task<Response> GetTls(
        string domain, TlsOptions? options = null, string target = "/", string fields = "")
    {
        await using var client = await ConnectTls(domain, options);
        return await client.Get(domain, target, fields);
    }

    /// <summary>Waits until status says of a domain that its certificate is in a state, and returns that line.</summary>
    public async Task<string> UntilCertificateIs(string state, string domain, TimeSpan? limit = null)
    {
        var line = "";
        for (var started = Stopwatch.StartNew(); !line.Contains($"certificate {state}");)
        {
            if (started.Elapsed > (limit ?? Wait.Limit))
                throw new TimeoutException($"the certificate is not {state} after {started.Elapsed.TotalSeconds:0} s: {line}");
            if (line.Length > 0)
                await Task.Delay(50);
            line = await Control($"status {domain}");
        }
        return line;
    }

    /// <summary>One GET over a connection of its own, as a second client would send it.</summary>
    public async Task<Response> Get(string domain, string target = "/", string fields = "")
    {
        await using var client = await Connect();
        return await client.Get(domain, target, fields);
    }

    /// <summary>
    /// Runs one of hotcore's commands against this one. A command gives up after a second, which a busy machine may need: it is
    /// run again then, as its user would do.
    /// </summary>
    public async Task<Finished> Run(params string[] arguments)
    {
        const int NotRunning = 3;
        while (true)
        {
            var finished = await HotcoreBinary.Run([.. arguments, "--control-port", ControlPort]);
            if (finished.ExitCode != NotRunning || !IsRunning)
                return finished;
            await Control("check");
        }
    }

    /// <summary>Sends a signal and expects the process to end by it or after it.</summary>
    public void Signal(int signal)
    {
        _isMeantToRun = false;
        _process.Signal(signal);
    }

    /// <summary>Waits until it has begun to stop: nobody gets in any more.</summary>
    public async Task UntilConnectionsAreRefused()
    {
        for (var limit = Stopwatch.StartNew(); limit.Elapsed < Wait.Limit; await Task.Delay(20))
        {
            try
            {
                await using var client = await Connect();
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
            {
                return;
            }
            catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
            {
                // The kernel had accepted it in the very instant in which the port was closed.
            }
        }
        Assert.Fail("connections are still accepted after the signal");
    }

    public Task<int> WaitForExit(TimeSpan? limit = null) => _process.WaitForExit(limit);

    /// <summary>`kill -9`.</summary>
    public Task Kill()
    {
        _isMeantToRun = false;
        return _process.Kill();
    }

    public bool IsRunning => !_process.HasExited;

    /// <summary>Whether the process that this object knows as hotcore has handed over, and only finishes what it has.</summary>
    public bool IsSuperseded => _process.Error.Contains("has taken over");

    public async ValueTask DisposeAsync()
    {
        var diedByItself = _isMeantToRun && _process.HasExited;
        await _process.DisposeAsync();
        foreach (var predecessor in _predecessors)
            await predecessor.DisposeAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"hotcore wrote to standard error:\n{Tail(Errors)}");
        Directory.Delete(DataFolder, recursive: true);
        if (diedByItself)
            throw new InvalidOperationException($"hotcore ended by itself. It wrote to standard error:\n{Tail(Errors)}");
    }

    /// <summary>The end of a long text: enough for a failure, not enough to drown it.</summary>
    public static string Tail(string text) => text.Length <= 8_000 ? text : "…" + text[^8_000..];

    private async Task StartProcess()
    {
        if (!File.Exists(HotcoreBinary.Path))
        {
            throw new InvalidOperationException(
                $"{HotcoreBinary.Path} is not there: build hotcore first, or set HOTCORE_BINARY");
        }
        _process = Launch(Command(), null);
        _isMeantToRun = true;
        Banner = await ReadBanner();
        Http = Addresses("http").First();
        // On a machine without OpenSSL there is none.
        Https = Addresses("https").FirstOrDefault()!;
        ControlAddress = Addresses("control").First(address => address.Address.Equals(IPAddress.Loopback));
        ControlAddress6 = Addresses("control").First(address => address.Address.Equals(IPAddress.IPv6Loopback));
    }

    private List<string> Command()
    {
        List<string> command =
        [
            HotcoreBinary.Path, "serve", "--data", DataFolder, "--bind", _options.Bind,
            "--http-port", _options.HttpPort.ToString(), "--https-port", _options.HttpsPort.ToString(),
            "--control-port", _controlPort.ToString(),
        ];
        command.AddRange(_options.Acme is { } acme ? ["--acme-directory", acme.Url] : ["--local"]);
        if (_options.Acme?.RootFile is { } rootFile)
            command.AddRange(["--acme-ca", rootFile]);
        // prlimit replaces itself by the command: the process id stays the one we signal.
        if (_options.OpenFiles is { } limit)
            command.InsertRange(0, ["prlimit", $"--nofile={limit}:{limit}"]);
        return command;
    }

    private ChildProcess Launch(List<string> command, IReadOnlyDictionary<string, string>? extraEnvironment)
    {
        // Never the CA that a developer's mkcert made on this machine, which browsers may trust.
        var environment = new Dictionary<string, string>
        {
            ["CAROOT"] = _options.MkcertFolder ?? Path.Combine(DataFolder, "no-mkcert"),
            // As its service has it: what memory the tests see does not depend on the size of the processor's cache.
            ["DOTNET_GCgen0size"] = "1000000",
        };
        if (_options.LibraryFolder is { } libraries)
            environment["LD_LIBRARY_PATH"] = libraries;
        foreach (var (name, value) in extraEnvironment ?? new Dictionary<string, string>())
            environment[name] = value;
        return ChildProcess.Start(command[0], command.Skip(1), environment);
    }

    private async Task<List<string>> ReadBanner()
    {
        var lines = new List<string>();
        while (lines is not [.., "ready"])
        {
            if (await _process.ReadLine() is not { } line)
            {
                await _process.WaitForExit();
                throw new InvalidOperationException(
                    $"hotcore did not start. It printed:\n{string.Join('\n', lines)}\n{Tail(_process.Error)}");
            }
            lines.Add(line);
        }
        return lines;
    }

    private IEnumerable<IPEndPoint> Addresses(string kind) =>
        from line in Banner
        let match = BannerAddress().Match(line)
        where match.Success && match.Groups[1].Value == kind
        select IPEndPoint.Parse(match.Groups[2].Value);

    [GeneratedRegex(@"^(\w+)\s+(\S+:\d+)$")]
    private static partial Regex BannerAddress();
}

using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Hotcore.Certificates;

/// <summary>
/// Debian's pebble, the test CA of Let's Encrypt, in strict mode, rejecting one in five nonces; with a DNS server
/// that leads every name to 127.0.0.1. Its root and key are new each time.
/// </summary>
internal sealed class Pebble : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<int, Process> Children = [];

    private static int _portCount = Random.Shared.Next();

    private readonly TemporaryFolder _folder = new();
    private readonly List<Process> _processes = [];

    static Pebble() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var child in Children.Values) child.Kill();
    };

    public Uri Directory { get; private set; } = new("https://127.0.0.1/");

    /// <summary>The root of the directory's own TLS.</summary>
    public string RootFile => _folder["root.pem"];

    /// <param name="httpPort">Where it looks for HTTP-01.</param>
    /// <param name="tlsPort">Where it looks for TLS-ALPN-01.</param>
    /// <param name="validity">How long its certificates last.</param>
    public static async Task<Pebble> StartAsync(int httpPort, int tlsPort, TimeSpan validity)
    {
        var pebble = new Pebble();
        int dnsPort = TakePort(), directoryPort = TakePort();
        await pebble.RunAsync(
            "pebble-challtestsrv",
            [
                "-dns01", $"127.0.0.1:{dnsPort}", "-defaultIPv6", "",
                "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "",
            ],
            "Starting challenge servers");
        pebble.WriteConfiguration(directoryPort, httpPort, tlsPort, validity);
        await pebble.RunAsync(
            "pebble",
            ["-strict", "-config", pebble._folder["pebble.json"], "-dnsserver", $"127.0.0.1:{dnsPort}"],
            "ACME directory available");
        await UntilListeningAsync(directoryPort);
        pebble.Directory = new Uri($"https://127.0.0.1:{directoryPort}/dir");
        return pebble;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.Kill();
            await process.WaitForExitAsync();
            Children.TryRemove(process.Id, out _);
            process.Dispose();
        }
        _folder.Dispose();
    }

    private void WriteConfiguration(int port, int httpPort, int tlsPort, TimeSpan validity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=pebble", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = DateTimeOffset.UtcNow;
        using var root = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        File.WriteAllText(RootFile, root.ExportCertificatePem());
        File.WriteAllText(_folder["key.pem"], key.ExportPkcs8PrivateKeyPem());
        var pebble = new Dictionary<string, object>
        {
            ["listenAddress"] = $"127.0.0.1:{port}",
            ["managementListenAddress"] = "",
            ["certificate"] = RootFile,
            ["privateKey"] = _folder["key.pem"],
            ["httpPort"] = httpPort,
            ["tlsPort"] = tlsPort,
            ["certificateValidityPeriod"] = (long)validity.TotalSeconds,
        };
        var document = new Dictionary<string, object> { ["pebble"] = pebble };
        File.WriteAllText(_folder["pebble.json"], JsonSerializer.Serialize(document));
    }

    /// <summary>
    /// A port for a program that cannot choose one, given to nobody else: below those that the kernel chooses, and counted from
    /// another one in each run of the tests.
    /// </summary>
    private static int TakePort()
    {
        while (true)
        {
            var port = 5_000 + (int)((uint)Interlocked.Increment(ref _portCount) % 5_000);
            if (CanBind(port, SocketType.Stream, ProtocolType.Tcp) && CanBind(port, SocketType.Dgram, ProtocolType.Udp)) return port;
        }
    }

    private static bool CanBind(int port, SocketType type, ProtocolType protocol)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>It says that its directory is available a moment before it is.</summary>
    private static async Task UntilListeningAsync(int port)
    {
        for (var tries = 1; ; tries++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused && tries < 500)
            {
                await Task.Delay(20);
            }
        }
    }

    private async Task RunAsync(string program, string[] arguments, string ready)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PEBBLE_VA_NOSLEEP"] = "1";
        start.Environment["PEBBLE_WFE_NONCEREJECT"] = "20";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception notFound)
        {
            throw new InvalidOperationException(
                $"this test needs {program}, which this machine has not: sudo scripts/install-test-needs.sh", notFound);
        }
        _processes.Add(process);
        Children[process.Id] = process;
        var isReady = new TaskCompletionSource();
        var lines = new ConcurrentQueue<string>();
        void Read(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null) isReady.TrySetException(new IOException($"{program}: {string.Join('|', lines)}"));
            else if (line.Data.Contains(ready, StringComparison.Ordinal)) isReady.TrySetResult();
            else if (!isReady.Task.IsCompleted) lines.Enqueue(line.Data);
        }
        process.OutputDataReceived += Read;
        process.ErrorDataReceived += (_, line) => { if (line.Data is not null) Read(process, line); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await isReady.Task;
    }
}

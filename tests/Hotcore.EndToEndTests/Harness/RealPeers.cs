using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// An app that is a real program: Python's and Node's own servers, or nginx. Its port is open once it is returned.
/// </summary>
public sealed class RealApp : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly DirectoryInfo? _folder;

    private RealApp(ChildProcess process, int port, DirectoryInfo? folder = null)
    {
        _process = process;
        _folder = folder;
        Port = port;
    }

    public int Port { get; }

    public static Task<RealApp> StartPython(int port = 0) =>
        StartScript("python3", [HotcoreBinary.App("app.py"), port.ToString()]);

    /// <summary>Apps/careless.py: Python's own servers, which answer a POST without a look at its body.</summary>
    public static Task<RealApp> StartCareless(bool hasThreads, int port = 0, bool isTls = false)
    {
        var folder = isTls ? Directory.CreateTempSubdirectory("hotcore-careless-") : null;
        string[] pem = folder is null ? [] : [WriteCertificate(folder)];
        return StartScript(
            "python3", [HotcoreBinary.App("careless.py"), hasThreads ? "threads" : "one-thread", port.ToString(), .. pem], folder);
    }

    public static Task<RealApp> StartNode(int port = 0, params string[] arguments) =>
        StartScript("node", [HotcoreBinary.App("app.js"), port.ToString(), .. arguments]);

    /// <summary>Apps/http2.py: HTTP/2 with prior knowledge, on a library that Debian has for its own Python alone.</summary>
    public static Task<RealApp> StartHttp2() =>
        StartScript("/usr/bin/python3", [HotcoreBinary.App("http2.py"), "0"]);

    /// <summary>`python3 -m http.server` over a folder: HTTP/1.0, as simple as servers get.</summary>
    public static async Task<RealApp> StartPythonFileServer(string folder)
    {
        var port = FreePort.Take();
        var process = ChildProcess.Start(
            "python3", ["-m", "http.server", port.ToString(), "--bind", "127.0.0.1", "--directory", folder]);
        return await UntilItListens(process, port);
    }

    /// <summary>
    /// nginx with a configuration of its own, which answers 200 and serves the folder's files under /files/.
    /// </summary>
    public static async Task<RealApp> StartNginx(Action<DirectoryInfo>? prepare = null, bool isTls = false)
    {
        var port = FreePort.Take();
        var folder = Directory.CreateTempSubdirectory("hotcore-nginx-");
        if (isTls)
            WriteCertificate(folder);
        folder.CreateSubdirectory("files");
        prepare?.Invoke(folder);
        var configuration = Path.Combine(folder.FullName, "nginx.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            daemon off;
            master_process off;
            pid {{folder}}/nginx.pid;
            error_log stderr;
            events { worker_connections 1024; }
            http {
                access_log off;
                client_max_body_size 0;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi;
                uwsgi_temp_path {{folder}}/uwsgi;
                scgi_temp_path {{folder}}/scgi;
                keepalive_requests 1000000;
                server {
                    listen 127.0.0.1:{{port}} backlog=512 {{(isTls ? $"ssl; ssl_certificate {folder}/tls.pem; ssl_certificate_key {folder}/tls.pem" : "")}};
                    location / { return 200 "$request_method $request_uri $http_host $http_x_forwarded_for"; }
                    location /files/ { root {{folder}}; }
                }
            }
            """);
        var nginx = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var process = ChildProcess.Start(nginx, ["-e", "stderr", "-c", configuration, "-p", folder.FullName]);
        return await UntilItListens(process, port, folder);
    }

    /// <summary>Node's https server: app.js over TLS.</summary>
    public static async Task<RealApp> StartNodeTls()
    {
        var folder = Directory.CreateTempSubdirectory("hotcore-node-");
        var process = ChildProcess.Start(
            "node", [HotcoreBinary.App("app.js"), "0"],
            new Dictionary<string, string> { ["TLS_PEM"] = WriteCertificate(folder) });
        return await process.ReadLine() is { } port
            ? new RealApp(process, int.Parse(port), folder)
            : throw await Failed(process);
    }

    /// <summary>`openssl s_server -www`: its own page, over TLS.</summary>
    public static async Task<RealApp> StartOpenSslServer()
    {
        var port = FreePort.Take();
        var folder = Directory.CreateTempSubdirectory("hotcore-openssl-");
        var pem = WriteCertificate(folder);
        var process = ChildProcess.Start(
            "openssl", ["s_server", "-accept", $"127.0.0.1:{port}", "-cert", pem, "-key", pem, "-www", "-quiet"]);
        return await UntilItListens(process, port, folder);
    }

    private static string WriteCertificate(DirectoryInfo folder)
    {
        var certificate = HttpsApp.SelfSigned;
        using var key = certificate.GetRSAPrivateKey()!;
        var path = Path.Combine(folder.FullName, "tls.pem");
        File.WriteAllText(path, $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
        return path;
    }

    /// <summary>The next line that it prints; null once it has ended.</summary>
    public Task<string?> ReadLine() => _process.ReadLine();

    /// <summary>Ends it as `kill -9` does.</summary>
    public Task Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder?.Delete(recursive: true);
    }

    private static async Task<RealApp> StartScript(string program, string[] arguments, DirectoryInfo? folder = null)
    {
        var process = ChildProcess.Start(program, arguments);
        return await process.ReadLine() is { } port ? new RealApp(process, int.Parse(port), folder) : throw await Failed(process);
    }

    private static async Task<RealApp> UntilItListens(ChildProcess process, int port, DirectoryInfo? folder = null)
    {
        await Wait.Until(() => process.HasExited || Answers(port), "a server to listen");
        return process.HasExited ? throw await Failed(process) : new RealApp(process, port, folder);
    }

    private static async Task<Exception> Failed(ChildProcess process)
    {
        await process.WaitForExit();
        return new InvalidOperationException($"a server did not start: {process.Error}");
    }

    /// <summary>Whether something listens there.</summary>
    public static bool Answers(int port)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

/// <summary>curl, the client that everybody has.</summary>
public static class Curl
{
    public static Task<Finished> Run(params string[] arguments) =>
        Finished.Run("curl", ["--silent", "--show-error", "--max-time", "60", .. arguments]);

    /// <summary>Asks hotcore for a domain by one protocol; anything but a whole answer fails the test.</summary>
    public static async Task<Finished> Over(
        ClientKind kind, RunningHotcore hotcore, string domain, string target, params string[] arguments)
    {
        var finished = await Run(ArgumentsOver(kind, hotcore, domain, target, arguments));
        Assert.True(finished.ExitCode == 0, $"curl exited with {finished.ExitCode}: {finished.Error}");
        return finished;
    }

    /// <summary>The same, while the test goes on.</summary>
    public static ChildProcess Start(
        ClientKind kind, RunningHotcore hotcore, string domain, string target, params string[] arguments) =>
        ChildProcess.Start("curl", ["--silent", .. ArgumentsOver(kind, hotcore, domain, target, arguments)]);

    private static string[] ArgumentsOver(
        ClientKind kind, RunningHotcore hotcore, string domain, string target, string[] arguments)
    {
        var isTls = kind == ClientKind.Http2OverTls;
        var port = isTls ? hotcore.Https.Port : hotcore.Http.Port;
        string[] protocol = kind switch
        {
            ClientKind.Http1 => ["--http1.1"],
            ClientKind.Http2 => ["--http2-prior-knowledge"],
            _ => ["--http2", "--cacert", hotcore.LocalCaFile],
        };
        return [
            .. protocol, "--resolve", $"{domain}:{port}:127.0.0.1", .. arguments,
            $"{(isTls ? "https" : "http")}://{domain}:{port}{target}",
        ];
    }
}

/// <summary>openssl's own client.</summary>
public static class OpenSsl
{
    /// <summary>
    /// Has it send an input and stay until hotcore ends the connection, or refuses to renegotiate; without an input, until it has
    /// shaken hands. What it printed.
    /// </summary>
    public static async Task<string> Run(RunningHotcore hotcore, string serverName, string input, params string[] arguments)
    {
        await using var openssl = ChildProcess.Start(
            "sh",
            [
                "-c", """exec openssl s_client "$@" 2>&1""", "sh", "-connect", hotcore.Https.ToString(), "-servername", serverName,
                "-CAfile", hotcore.LocalCaFile, .. arguments,
            ],
            keepsInput: true);
        // At the end of its input it would leave, whatever is still to come.
        if (input == "")
            openssl.CloseInput();
        else
            await openssl.Write(input);
        return await openssl.ReadToEnd(limit: TimeSpan.FromMinutes(1));
    }
}

/// <summary>nghttp, the client of the nghttp2 library.</summary>
public static class Nghttp
{
    /// <summary>
    /// Asks hotcore, with prior knowledge, for targets of a domain, over one connection. Every frame is in its output.
    /// </summary>
    public static async Task<string> Run(
        RunningHotcore hotcore, string domain, IEnumerable<string> targets, params string[] arguments)
    {
        var finished = await Finished.Run("nghttp", Arguments(hotcore, domain, targets, arguments));
        Assert.True(finished.ExitCode == 0, $"nghttp exited with {finished.ExitCode}: {finished.All}");
        return finished.Output;
    }

    /// <summary>The same, while the test goes on.</summary>
    public static ChildProcess Start(
        RunningHotcore hotcore, string domain, IEnumerable<string> targets, params string[] arguments) =>
        ChildProcess.Start("nghttp", Arguments(hotcore, domain, targets, arguments));

    private static IEnumerable<string> Arguments(
        RunningHotcore hotcore, string domain, IEnumerable<string> targets, string[] arguments) =>
        [
            "--verbose", "--timeout=60", "--header", $":authority: {domain}", .. arguments,
            .. targets.Select(target => $"http://{hotcore.Http}{target}"),
        ];
}

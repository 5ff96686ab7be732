using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Control;
using Hotcore.Installing;
using Hotcore.Logs;
using Hotcore.Mappings;
using Hotcore.Proxying;
using Hotcore.Tls;

namespace Hotcore;

/// <summary>
/// The running hotcore: what it consists of, in which order that starts, and, in reverse, how it stops.
/// </summary>
internal sealed class Daemon : IAsyncDisposable
{
    private const UnixFileMode OwnerOnlyFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HeartbeatPause = TimeSpan.FromMilliseconds(100);

    private const UnixFileMode OwnerOnlyFolder = OwnerOnlyFile | UnixFileMode.UserExecute;

    private readonly DaemonOptions _options;
    private readonly TimeProvider _clock = TimeProvider.System;
    private FileStream? _lock;
    private EventLog? _log;
    private MappingTable? _mappings;
    private StatusReport? _status;
    private readonly List<(string Scheme, IPEndPoint Address)> _addresses = [];
    private Https? _https;
    private Proxy? _proxy;
    private ControlServer? _control;

    private Daemon(DaemonOptions options) => _options = options;

    /// <summary>Where it takes messages.</summary>
    public IReadOnlyList<IPEndPoint> ControlEndPoints => _control?.EndPoints ?? [];

    /// <summary>Runs until SIGTERM or SIGINT; a second signal ends it at once. Returns the exit status.</summary>
    /// <param name="options">What it was told.</param>
    /// <param name="output">Takes what it is and where it listens, once it is ready.</param>
    /// <param name="error">Takes the log as well, and why it could not start.</param>
    public static async Task<int> RunAsync(DaemonOptions options, TextWriter output, TextWriter error)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => RequestStop(stop, signal));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => RequestStop(stop, signal));
        try
        {
            await using Daemon daemon = await StartAsync(options, error);
            await daemon.IntroduceAsync(output);
            using var systemd = SystemdSocket.Open(
                Environment.GetEnvironmentVariable, Environment.ProcessId, daemon._log!.Write);
            await using (new Heartbeat(systemd, daemon.ProveLifeAsync, daemon._clock)) await stop.Task;
            daemon._log!.Write("stopping");
        }
        catch (StartFailure failure)
        {
            await error.WriteLineAsync($"hotcore cannot start: {failure.Message}");
            return 1;
        }
        return 0;
    }

    /// <summary>Starts all parts; when it returns, hotcore answers.</summary>
    /// <param name="options">What it is told.</param>
    /// <param name="logEcho">Takes the log's lines as well, or null.</param>
    /// <exception cref="StartFailure">A part could not start; those before it are stopped again.</exception>
    public static async Task<Daemon> StartAsync(DaemonOptions options, TextWriter? logEcho)
    {
        var daemon = new Daemon(options);
        try
        {
            daemon.TakeFolder();
            daemon.OpenLog(logEcho);
            daemon.LoadMappings();
            await daemon.OpenCertificatesAsync();
            daemon.OpenProxy();
            daemon.OpenControl();
            return daemon;
        }
        catch (Exception)
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_control is not null) await _control.DisposeAsync();
        if (_proxy is not null)
        {
            await _proxy.StopAsync(DrainTime);
            _proxy.Dispose();
        }
        if (_https is not null) await _https.DisposeAsync();
        _mappings?.Dispose();
        if (_log is not null)
        {
            _log.Write("stopped");
            await _log.DisposeAsync();
        }
        if (_lock is not null) await _lock.DisposeAsync();
    }

    /// <summary>Completes when every loop has had a turn and a message was answered.</summary>
    private async Task ProveLifeAsync()
    {
        var turns = new List<Task>();
        foreach (ProxyLoop loop in _proxy!.Loops)
        {
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Events.Post(turn.SetResult);
            turns.Add(turn.Task);
        }
        await Task.WhenAll(turns);
        var client = new ControlClient(ControlEndPoints[0].Port, ControlClient.DefaultTimeLimit);
        // In a burst of messages, one of them may have been dropped.
        while (await Task.Run(() => client.Ask("check")) != ControlMessage.CheckReply) await Task.Delay(HeartbeatPause);
    }

    private static void RequestStop(TaskCompletionSource stop, PosixSignalContext signal) =>
        signal.Cancel = stop.TrySetResult();

    private void TakeFolder()
    {
        string folder = _options.Paths.DataFolder;
        try
        {
            Directory.CreateDirectory(folder, OwnerOnlyFolder);
            _lock = OpenLock();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartFailure($"the data folder {folder} cannot be used: {failure.Message}", failure);
        }
    }

    private FileStream OpenLock()
    {
        const int wouldBlock = 11;
        try
        {
            // FileShare.None is a flock: the kernel takes it back however this process ends.
            return new FileStream(_options.Paths.Lock, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerOnlyFile,
            });
        }
        catch (IOException failure) when (failure.HResult == wouldBlock)
        {
            string folder = _options.Paths.DataFolder;
            throw new StartFailure(
                $"another hotcore runs with the data folder {folder}; stop it, or give this one --data", failure);
        }
    }

    private void OpenLog(TextWriter? echo)
    {
        _log = new EventLog(_options.Paths.Log, _clock, echo);
        _log.Write($"hotcore {Build.Version} starts, data {_options.Paths.DataFolder}");
    }

    private void LoadMappings()
    {
        try
        {
            _mappings = MappingTable.Open(_options.Paths.DataFolder, _clock, _log!.Write);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string folder = _options.Paths.DataFolder;
            throw new StartFailure($"the mappings in {folder} cannot be read or written: {failure.Message}", failure);
        }
        var facts = new StatusFacts(Build.Version, _options.IsLocal, _options.Paths.DataFolder, _options.Paths.Log);
        _status = new StatusReport(facts, () => _mappings.Snapshot, new ListeningPorts(_clock, _log.Write), _clock);
        _log.Write($"{_mappings.Snapshot.Count} mappings loaded");
    }

    private async Task OpenCertificatesAsync()
    {
        try
        {
            _https = _options.IsLocal
                ? new LocalHttps(
                    _options.Paths.LocalAuthority, _mappings!, Environment.GetEnvironmentVariable, _clock, _log!.Write)
                : AcmeHttps.Create(_options.Acme, _options.Paths.Certificates, _mappings!, _clock, _log!.Write);
            _mappings!.WhenChanged = _https.Follow;
            _status!.KnownCertificates = new CertificateStatus(_https.Describe, _https.NeedsAttention);
            await _https.StartAsync();
        }
        catch (Exception failure) when (failure is TlsUnavailableException or AcmeFailure or IOException
            or UnauthorizedAccessException)
        {
            // For development, plain HTTP is better than nothing; a server without HTTPS is not what anybody asked for.
            if (!_options.IsLocal) throw new StartFailure($"HTTPS cannot be offered: {failure.Message}", failure);
            _log!.Write($"no HTTPS: {failure.Message}");
        }
    }

    private void OpenProxy()
    {
        var upgrade = new HttpsUpgrade(_https is { Redirects: true } ? _https.Selector : null);
        _proxy = new Proxy(new Router(_mappings!, _https?.Challenges, upgrade), Environment.ProcessorCount, _log!.Write);
        IReadOnlyList<IPEndPoint> https = [];
        if (_https is not null)
        {
            // First, so that plain HTTP never redirects to a port that is not there.
            https = ListeningAddresses.BeginHttps(_proxy, _https.Tls, _options, _log.Write);
            upgrade.Port = https[0].Port;
        }
        Announce("http", ListeningAddresses.BeginHttp(_proxy, _options, _log.Write));
        Announce("https", https);
    }

    private void Announce(string scheme, IReadOnlyList<IPEndPoint> addresses)
    {
        foreach (IPEndPoint address in addresses)
        {
            _addresses.Add((scheme, address));
            _status!.AddAddress(scheme, address);
        }
    }

    private void OpenControl()
    {
        try
        {
            IReadOnlyList<Socket> sockets = ControlSocket.Open(_options.ControlPort, _log!.Write);
            _control = new ControlServer(
                sockets, _mappings!, _status!, Build.Version, IsProxyPort, _clock, _log.Write);
        }
        catch (SocketException failure)
        {
            string reason = failure.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? "is taken, perhaps by another hotcore (try: hotcore)"
                : $"cannot be opened: {failure.Message}";
            throw new StartFailure($"the control port, UDP {_options.ControlPort}, {reason}", failure);
        }
    }

    /// <summary>Whether the proxy listens on a port, so that mapping to it would go in circles.</summary>
    private bool IsProxyPort(int port) => _proxy!.Addresses.Any(address => address.Port == port);

    private async Task IntroduceAsync(TextWriter output)
    {
        try
        {
            await output.WriteAsync(Introduce());
            await output.FlushAsync();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _log!.Write($"standard output cannot be written: {failure.Message}"); // Nobody listens; hotcore serves all the same.
        }
    }

    private string Introduce()
    {
        var text = new StringBuilder();
        string mode = _options.IsLocal ? "local mode, " : "";
        text.Append($"hotcore {Build.Version} ({mode}data {_options.Paths.DataFolder})\n");
        foreach ((string scheme, IPEndPoint address) in _addresses) text.Append($"{scheme,-8}{address}\n");
        foreach (IPEndPoint address in ControlEndPoints) text.Append($"control {address}\n");
        return text.Append("ready\n").ToString();
    }
}

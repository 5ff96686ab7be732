using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Hotcore.Certificates.Acme;
using Hotcore.Control;
using Hotcore.Handover;
using Hotcore.Installing;
using Hotcore.Logs;
using Hotcore.Machine;
using Hotcore.Mappings;
using Hotcore.Proxying;
using Hotcore.Tls;

namespace Hotcore;

/// <summary>
/// The running hotcore: what it consists of, in which order that starts, and, in reverse, how it stops; or how another process
/// takes its place.
/// </summary>
internal sealed class Daemon : IAsyncDisposable
{
    /// <summary>The last line that it prints, once it serves.</summary>
    public const string Ready = "ready";

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SupersededDrainTime = TimeSpan.FromHours(1);
    private static readonly TimeSpan HeartbeatPause = TimeSpan.FromMilliseconds(100);

    private readonly DaemonOptions _options;
    private readonly TimeProvider _clock = TimeProvider.System;
    private Predecessor? _predecessor;
    private DataFolderLock? _folder;
    private EventLog? _log;
    private MappingTable? _mappings;
    private StatusReport? _status;
    private readonly List<(string Scheme, IPEndPoint Address)> _addresses = [];
    private volatile Https? _https;
    private Proxy? _proxy;
    private ControlServer? _control;
    private SystemdSocket? _systemd;
    private Heartbeat? _heartbeat;
    private Followers? _followers;
    private Succession? _succession;
    private bool _isEnding;
    // Messages are taken before all ports are open: whoever asks has to find a set that nobody changes.
    private volatile IReadOnlySet<int> _proxyPorts = new HashSet<int>();

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
            await using var daemon = await StartAsync(options, error);
            await daemon.IntroduceAsync(output);
            await Task.WhenAny(stop.Task, daemon._succession!.Completed);
            await daemon.EndServiceAsync(stop.Task);
        }
        catch (StartFailure failure)
        {
            await error.WriteLineAsync($"hotcore cannot start: {failure.Message}");
            return 1;
        }
        return 0;
    }

    /// <summary>
    /// Starts all parts; when it returns, hotcore answers. Where it takes over from another process, that one accepts clients
    /// until this one does.
    /// </summary>
    /// <param name="options">What it is told.</param>
    /// <param name="logEcho">Takes the log's lines as well, or null.</param>
    /// <exception cref="StartFailure">A part could not start; those before it are stopped again.</exception>
    public static async Task<Daemon> StartAsync(DaemonOptions options, TextWriter? logEcho)
    {
        var daemon = new Daemon(options);
        try
        {
            var preview = options.TakesOver ? await daemon.AskToHandOverAsync() : null;
            daemon._folder = DataFolderLock.Take(options.Paths);
            daemon.OpenLog(logEcho);
            daemon.LoadMappings(preview);
            // Whoever sends a message waits no longer than a moment, while clients are served by the process before.
            if (options.TakesOver) daemon.OpenControl();
            await daemon.OpenCertificatesAsync();
            daemon.OpenProxy();
            if (daemon._predecessor is not null) await daemon._predecessor.ReleaseAsync(daemon._log!.Write);
            if (!options.TakesOver) daemon.OpenControl();
            daemon._https?.Begin();
            daemon.TellSystemd();
            daemon.AwaitSuccessor();
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
        if (_isEnding) return;
        _isEnding = true;
        if (_succession is not null) await _succession.DisposeAsync();
        if (_heartbeat is not null) await _heartbeat.DisposeAsync();
        _systemd?.Dispose();
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
        _folder?.Dispose();
        _predecessor?.Dispose();
    }

    /// <summary>Completes when every loop has had a turn and a message was answered.</summary>
    private async Task ProveLifeAsync()
    {
        var turns = new List<Task>();
        foreach (var loop in _proxy!.Loops)
        {
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Events.Post(turn.SetResult);
            turns.Add(turn.Task);
        }
        await Task.WhenAll(turns);
        var client = new ControlClient(ControlEndPoints[0].Port, ControlClient.DefaultTimeLimit);
        // In a burst of messages, one of them may have been dropped; during a handover, they wait.
        while (await Task.Run(() => client.Ask("check")) != ControlMessage.CheckReply) await Task.Delay(HeartbeatPause);
    }

    /// <summary>
    /// Finishes what is in flight: in good time where another process has taken over, until <paramref name="stop"/> or an hour
    /// later; what is left then, and everything where hotcore as a whole stops, has the time of a stop.
    /// </summary>
    private async Task EndServiceAsync(Task stop)
    {
        if (_succession!.Completed.IsCompleted)
        {
            var drained = _proxy!.DrainAsync();
            await Task.WhenAny(drained, stop, Task.Delay(SupersededDrainTime, _clock));
            if (drained.IsCompleted) return;
        }
        _log!.Write("stopping");
    }

    private static void RequestStop(TaskCompletionSource stop, PosixSignalContext signal) =>
        signal.Cancel = stop.TrySetResult();

    /// <summary>
    /// What can be done before is done before, and returned: from here until messages are taken, nobody answers them.
    /// </summary>
    private async Task<MappingPreview?> AskToHandOverAsync()
    {
        var preview = MappingPreview.Read(_options.Paths.DataFolder);
        _predecessor = await Predecessor.AskAsync(_options.Paths.Handover);
        _proxyPorts = _predecessor.Estate.Addresses.Select(address => address.Port).ToHashSet();
        return preview;
    }

    private void OpenLog(TextWriter? echo)
    {
        _log = new EventLog(_options.Paths.Log, _clock, echo);
        _log.Write($"hotcore {Build.Version} starts, data {_options.Paths.DataFolder}");
        if (_predecessor is not null) _log.Write($"takes over the sockets of process {_predecessor.ProcessId}");
    }

    private void LoadMappings(MappingPreview? preview)
    {
        try
        {
            _mappings = MappingTable.Open(_options.Paths.DataFolder, _clock, _log!.Write, preview: preview);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            var folder = _options.Paths.DataFolder;
            throw new StartFailure($"the mappings in {folder} cannot be read or written: {failure.Message}", failure);
        }
        var facts = new StatusFacts(Build.Version, _options.IsLocal, _options.Paths.DataFolder, _options.Paths.Log);
        _followers = new Followers(_predecessor?.Estate.FollowerSockets ?? [], _log!.Write);
        _mappings.WhenChanged = changes =>
        {
            _followers.Tell(changes);
            foreach (var change in changes) _https?.Follow(change);
        };
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
            _https.Tls.TicketKeys.Continue(_predecessor?.Estate.TicketKeys ?? []);
            _status!.KnownCertificates = new CertificateStatus(_https.Describe, _https.NeedsAttention);
            await _https.LoadAsync();
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
        _status!.SpeaksHttps = _proxy.Ports.SpeakTls;
        _status!.KnownFaults = _proxy.Faults.Describe;
        IReadOnlyList<IPEndPoint> https = [];
        if (_https is not null)
        {
            // First, so that plain HTTP never redirects to a port that is not there.
            https = _predecessor is { Estate.HttpsSockets: { Count: > 0 } httpsSockets }
                ? ListeningAddresses.Continue(_proxy, httpsSockets, _https.Tls)
                : ListeningAddresses.BeginHttps(_proxy, _https.Tls, _options, _log.Write);
            upgrade.Port = https[0].Port;
        }
        Announce("http", _predecessor is { Estate.HttpSockets: { Count: > 0 } httpSockets }
            ? ListeningAddresses.Continue(_proxy, httpSockets, tls: null)
            : ListeningAddresses.BeginHttp(_proxy, _options, _log.Write));
        Announce("https", https);
        _proxyPorts = _addresses.Select(one => one.Address.Port).ToHashSet();
    }

    private void Announce(string scheme, IReadOnlyList<IPEndPoint> addresses)
    {
        foreach (var address in addresses)
        {
            _addresses.Add((scheme, address));
            _status!.AddAddress(scheme, address);
        }
    }

    private void OpenControl()
    {
        try
        {
            var sockets = _predecessor is { Estate.ControlSockets: { Count: > 0 } handedOver }
                ? handedOver
                : ControlSocket.Open(_options.ControlPort, _log!.Write);
            _control = new ControlServer(
                sockets, _mappings!, _status!, Build.Version, IsProxyPort, Renew, _clock, _log!.Write);
        }
        catch (SocketException failure)
        {
            throw new StartFailure(ExplainControlPort(failure), failure);
        }
    }

    private string ExplainControlPort(SocketException failure)
    {
        var isTaken = failure.SocketErrorCode == SocketError.AddressAlreadyInUse;
        var holder = isTaken ? PortHolder.FindHolder(new MachineRoot("/"), isUdp: true, _options.ControlPort) : null;
        var reason = !isTaken ? $"cannot be opened: {failure.Message}"
            : holder?.ProcessId is null ? "is taken, perhaps by another hotcore (try: hotcore)"
            : $"is taken by {holder.DescribeProgram()}, or choose another with --control-port";
        return $"the control port, UDP {_options.ControlPort}, {reason}";
    }

    private void AwaitSuccessor()
    {
        var parts = new ServingParts(
            _folder!, _log!, _mappings!, _followers!, _https, _proxy!, _control!, _systemd!, _heartbeat!);
        _succession = new Succession(parts, _options.Paths.Handover, FindVariables());
    }

    private Dictionary<string, string> FindVariables() =>
        SystemdSocket.Variables.Select(name => (Name: name, Value: FindVariable(name)))
            .Where(variable => variable.Value is not null).ToDictionary(variable => variable.Name, variable => variable.Value!);

    private void TellSystemd()
    {
        _systemd = SystemdSocket.Open(FindVariable, Environment.ProcessId, _log!.Write);
        _heartbeat = new Heartbeat(_systemd, ProveLifeAsync, _clock);
    }

    /// <summary>Of the environment that systemd gave to the service, perhaps to an earlier process of it.</summary>
    private string? FindVariable(string name) =>
        _predecessor is null ? Environment.GetEnvironmentVariable(name) : _predecessor.Estate.Environment.GetValueOrDefault(name);

    /// <summary>Whether the proxy listens on a port, so that mapping to it would go in circles. Of any thread.</summary>
    private bool IsProxyPort(int port) => _proxyPorts.Contains(port);

    /// <summary>On the thread pool; asked before there is HTTPS, too, where another process hands over.</summary>
    private string? Renew(DomainName domain) =>
        _https is { } https ? https.Renew(domain) : "hotcore offers no HTTPS, or not yet; why: hotcore log";

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
        var mode = _options.IsLocal ? "local mode, " : "";
        text.Append($"hotcore {Build.Version} ({mode}data {_options.Paths.DataFolder})\n");
        foreach (var (scheme, address) in _addresses) text.Append($"{scheme,-8}{address}\n");
        foreach (var address in ControlEndPoints) text.Append($"control {address}\n");
        return text.Append($"{Ready}\n").ToString();
    }
}

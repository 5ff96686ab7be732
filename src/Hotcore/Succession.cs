using System.Net.Sockets;
using Hotcore.Control;
using Hotcore.Handover;
using Hotcore.Installing;
using Hotcore.Logs;
using Hotcore.Mappings;
using Hotcore.Proxying;

namespace Hotcore;

/// <summary>What a running hotcore consists of, as far as another process can take its place.</summary>
internal sealed record ServingParts(
    DataFolderLock Folder,
    EventLog Log,
    MappingTable Mappings,
    Followers Followers,
    Https? Https,
    Proxy Proxy,
    ControlServer Control,
    SystemdSocket Systemd,
    Heartbeat Heartbeat);

/// <summary>
/// Leaves the place of this process to another: in which order it lets go of what, what it hands over, and what is left to do
/// then. <see cref="SuccessorListener"/> says when.
/// </summary>
internal sealed class Succession : IAsyncDisposable
{
    private readonly ServingParts _parts;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SuccessorListener? _listener;
    private HandoverLink? _following;

    /// <summary>Waits for a successor from now on; where it cannot, the log says why, and everything else goes on.</summary>
    /// <param name="parts">They stay the caller's.</param>
    /// <param name="path">Where a successor asks.</param>
    /// <param name="environment">The variables that it needs.</param>
    public Succession(ServingParts parts, string path, IReadOnlyDictionary<string, string> environment)
    {
        (_parts, _environment) = (parts, environment);
        try
        {
            _listener = new SuccessorListener(path, ListCharges(), DescribeEstate, LeaveToAsync, parts.Log.Write);
        }
        catch (Exception failure) when (failure is SocketException or IOException or UnauthorizedAccessException)
        {
            parts.Log.Write($"no other process can take over: {path}: {failure.Message}");
        }
    }

    /// <summary>Completes when another process has taken over: this one accepts no more, and has to finish what it has.</summary>
    public Task Completed => _completed.Task;

    /// <summary>Waits for the end of a handover that is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_listener is not null) await _listener.DisposeAsync();
        _following?.Dispose();
    }

    private IReadOnlyList<Charge> ListCharges()
    {
        return
        [
            new(
                "the renewal of certificates",
                () => _parts.Https?.LetGoAsync() ?? Task.CompletedTask,
                () => _parts.Https?.TakeBackAsync() ?? Task.CompletedTask),
            new("the messages", _parts.Control.PauseAsync, Finished(_parts.Control.Resume)),
            new("the mappings", _parts.Mappings.LetGoAsync, Finished(_parts.Mappings.TakeBack)),
            new("the log", _parts.Log.LetGoAsync, Finished(_parts.Log.TakeBack)),
            new("the data folder", Finished(_parts.Folder.LetGo), Finished(_parts.Folder.TakeBack)),
        ];

        static Func<Task> Finished(Action action) => () =>
        {
            action();
            return Task.CompletedTask;
        };
    }

    private Estate DescribeEstate()
    {
        var (mine, successors) = HandoverLink.CreatePair();
        _following?.Dispose(); // Of a successor that failed.
        _following = successors;
        Task.Factory.StartNew(() => Followers.Follow(mine, _parts.Mappings.Follow), TaskCreationOptions.LongRunning);
        return new Estate(
            _parts.Proxy.Sockets(isSecure: false),
            _parts.Proxy.Sockets(isSecure: true),
            _parts.Control.Sockets,
            [.. _parts.Followers.Sockets, successors.Socket],
            _parts.Https?.Tls.TicketKeys.Write() ?? [],
            _environment);
    }

    /// <summary>The successor serves: it speaks for the service from now on, and alone accepts.</summary>
    private async Task LeaveToAsync(int processId)
    {
        _parts.Log.Write($"process {processId} has taken over; {_parts.Proxy.ClientCount} connections are left to finish");
        await _parts.Heartbeat.FallSilentAsync();
        _parts.Systemd.Send(SystemdSocket.MainProcess(processId));
        await _parts.Proxy.StopListeningAsync();
        await _parts.Control.DisposeAsync();
        _parts.Followers.Dispose();
        _following!.Dispose();
        _completed.SetResult();
    }
}

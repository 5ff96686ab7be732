using System.Collections.Concurrent;
using System.Net;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Adds many mappings over one UDP socket, several on their way at a time, and keeps what was acknowledged.
/// </summary>
public sealed class ManyChanges(IReadOnlyList<(string Domain, int Port)> mappings)
{
    private const int Window = 64;
    private readonly ConcurrentDictionary<string, int> _acknowledged = new();

    public IReadOnlyDictionary<string, int> Acknowledged => _acknowledged;

    public bool IsDone => _acknowledged.Count == mappings.Count;

    /// <summary>
    /// Sends what is not yet acknowledged, until all is, or until <paramref name="stop"/>. Anything but `ok` fails.
    /// </summary>
    /// <param name="control">Where hotcore listens now.</param>
    /// <param name="stop">Ends the sending; replies that were already read count.</param>
    /// <param name="onAcknowledged">Told the number of all acknowledged mappings after each.</param>
    public async Task Send(IPEndPoint control, CancellationToken stop = default, Action<int>? onAcknowledged = null)
    {
        using var socket = new ControlSocket(control);
        using var room = new SemaphoreSlim(Window);
        var left = mappings.Where(mapping => !_acknowledged.ContainsKey(mapping.Domain)).ToList();
        var sending = SendAll(left, socket, room, stop);
        for (var i = 0; i < left.Count && !stop.IsCancellationRequested; i++)
        {
            var reply = await socket.Receive(Wait.Limit, stop);
            if (reply == null && stop.IsCancellationRequested)
                break;
            if (reply?.Split(' ') is not ["ok", var domain, var port])
                throw new InvalidOperationException($"a reply to `add` was {reply ?? "missing"}");
            _acknowledged[domain] = int.Parse(port);
            room.Release();
            onAcknowledged?.Invoke(_acknowledged.Count);
        }
        await sending;
    }

    private static async Task SendAll(
        List<(string Domain, int Port)> left, ControlSocket socket, SemaphoreSlim room, CancellationToken stop)
    {
        try
        {
            foreach (var (domain, port) in left)
            {
                await room.WaitAsync(stop);
                await socket.Send(System.Text.Encoding.UTF8.GetBytes($"add {domain} {port}"));
            }
        }
        catch (OperationCanceledException)
        {
            // The caller has stopped hotcore.
        }
    }
}

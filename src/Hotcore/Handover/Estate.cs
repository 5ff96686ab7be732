using System.Net;
using System.Net.Sockets;

namespace Hotcore.Handover;

/// <summary>
/// What a successor gets: the sockets that clients and programs reach hotcore by, the keys of the sessions that clients have, and
/// what it needs to know of the environment, since it was not systemd that started it. Owns the sockets where it was received.
/// </summary>
/// <param name="HttpSockets">Listening sockets for plain HTTP.</param>
/// <param name="HttpsSockets">Listening sockets for HTTPS.</param>
/// <param name="ControlSockets">UDP sockets for messages.</param>
/// <param name="FollowerSockets">What <see cref="Followers"/> are told by.</param>
/// <param name="TicketKeys">Keys of session tickets, as text.</param>
/// <param name="Environment">Environment variables.</param>
internal sealed record Estate(
    IReadOnlyList<Socket> HttpSockets,
    IReadOnlyList<Socket> HttpsSockets,
    IReadOnlyList<Socket> ControlSockets,
    IReadOnlyList<Socket> FollowerSockets,
    IReadOnlyList<string> TicketKeys,
    IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>Where clients come.</summary>
    public IEnumerable<IPEndPoint> Addresses =>
        HttpSockets.Concat(HttpsSockets).Select(socket => (IPEndPoint)socket.LocalEndPoint!);

    private const string Header = "hotcore hands over";
    private const string Http = "http", Https = "https", Control = "control", Follower = "follower";

    /// <summary>
    /// Sends it, as a line for each thing. A version to come may send lines of other kinds; this one leaves those aside.
    /// </summary>
    /// <exception cref="IOException">The other end is gone.</exception>
    public void Send(HandoverLink link)
    {
        IEnumerable<(string Kind, Socket Socket)> sockets =
        [
            .. HttpSockets.Select(socket => (Http, socket)),
            .. HttpsSockets.Select(socket => (Https, socket)),
            .. ControlSockets.Select(socket => (Control, socket)),
            .. FollowerSockets.Select(socket => (Follower, socket)),
        ];
        IEnumerable<string> lines =
        [
            Header,
            .. sockets.Select(one => $"socket {one.Kind}"),
            .. TicketKeys.Select(key => $"ticket-key {key}"),
            .. Environment.Select(variable => $"environment {variable.Key}={variable.Value}"),
        ];
        link.Send(string.Join('\n', lines), [.. sockets.Select(one => one.Socket)]);
    }

    /// <summary>Receives it.</summary>
    /// <exception cref="IOException">The other end is gone, silent, or no hotcore.</exception>
    public static async Task<Estate> ReceiveAsync(HandoverLink link, TimeSpan patience)
    {
        var (message, sockets) = await link.ReceiveAsync(patience);
        var lines = message.Split('\n');
        string[] kinds = [.. Values(lines, "socket ")];
        var byKind = kinds.Zip(sockets).ToLookup(pair => pair.First, pair => pair.Second);
        var isKnown = lines[0] == Header && kinds.Length == sockets.Count;
        var unknown = byKind.Where(group => group.Key is not (Http or Https or Control or Follower));
        foreach (var socket in isKnown ? unknown.SelectMany(group => group) : sockets) socket.Dispose();
        if (!isKnown) throw new IOException($"process {link.ProcessId} hands over in a way that this version does not know");
        return new Estate(
            [.. byKind[Http]], [.. byKind[Https]], [.. byKind[Control]], [.. byKind[Follower]],
            [.. Values(lines, "ticket-key ")], ReadEnvironment(lines));
    }

    private static Dictionary<string, string> ReadEnvironment(string[] lines)
    {
        var environment = new Dictionary<string, string>();
        foreach (var variable in Values(lines, "environment "))
        {
            var nameAndValue = variable.Split('=', 2);
            if (nameAndValue.Length == 2) environment[nameAndValue[0]] = nameAndValue[1];
        }
        return environment;
    }

    private static IEnumerable<string> Values(string[] lines, string kind) =>
        lines.Where(line => line.StartsWith(kind, StringComparison.Ordinal)).Select(line => line[kind.Length..]);
}

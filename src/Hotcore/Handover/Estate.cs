using System.Net.Sockets;

namespace Hotcore.Handover;

/// <summary>
/// What a successor gets: the sockets that clients and programs reach hotcore by, and what it needs to know of the environment,
/// since it was not systemd that started it. Owns the sockets where it was received.
/// </summary>
/// <param name="HttpSockets">Listening sockets for plain HTTP.</param>
/// <param name="HttpsSockets">Listening sockets for HTTPS.</param>
/// <param name="ControlSockets">UDP sockets for messages.</param>
/// <param name="Environment">Environment variables.</param>
internal sealed record Estate(
    IReadOnlyList<Socket> HttpSockets,
    IReadOnlyList<Socket> HttpsSockets,
    IReadOnlyList<Socket> ControlSockets,
    IReadOnlyDictionary<string, string> Environment)
{
    private const string Header = "hotcore hands over";

    /// <summary>
    /// Sends it, as a line for each thing. A version to come may send lines of other kinds; this one leaves those aside.
    /// </summary>
    /// <exception cref="IOException">The other end is gone.</exception>
    public void Send(HandoverLink link)
    {
        IEnumerable<string> lines =
        [
            Header,
            .. HttpSockets.Select(_ => "socket http"),
            .. HttpsSockets.Select(_ => "socket https"),
            .. ControlSockets.Select(_ => "socket control"),
            .. Environment.Select(variable => $"environment {variable.Key}={variable.Value}"),
        ];
        link.Send(string.Join('\n', lines), [.. HttpSockets, .. HttpsSockets, .. ControlSockets]);
    }

    /// <summary>Receives it.</summary>
    /// <exception cref="IOException">The other end is gone, silent, or no hotcore.</exception>
    public static async Task<Estate> ReceiveAsync(HandoverLink link, TimeSpan patience)
    {
        (string message, IReadOnlyList<Socket> sockets) = await link.ReceiveAsync(patience);
        string[] lines = message.Split('\n');
        string[] kinds = [.. Values(lines, "socket ")];
        if (lines[0] != Header || kinds.Length != sockets.Count)
        {
            foreach (Socket socket in sockets) socket.Dispose();
            throw new IOException($"process {link.ProcessId} hands over in a way that this version does not know");
        }
        foreach ((string kind, Socket socket) in kinds.Zip(sockets))
        {
            if (kind is not ("http" or "https" or "control")) socket.Dispose();
        }
        return new Estate(
            Choose("http"), Choose("https"), Choose("control"),
            Values(lines, "environment ").Select(variable => variable.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[^1]));

        IReadOnlyList<Socket> Choose(string kind) => [.. kinds.Zip(sockets).Where(pair => pair.First == kind).Select(pair => pair.Second)];
    }

    private static IEnumerable<string> Values(string[] lines, string kind) =>
        lines.Where(line => line.StartsWith(kind, StringComparison.Ordinal)).Select(line => line[kind.Length..]);
}

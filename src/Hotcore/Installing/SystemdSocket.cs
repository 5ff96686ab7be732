using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Installing;

/// <summary>
/// Tells systemd how the service is, one datagram a message (sd_notify(3)). Started by hand, where nobody listens, it says
/// nothing. Of any thread; a message that does not arrive is no reason to stop serving.
/// </summary>
internal sealed class SystemdSocket : IDisposable
{
    public const string Ready = "READY=1";
    public const string Stopping = "STOPPING=1";
    public const string Alive = "WATCHDOG=1";

    /// <summary>The variables by which systemd says where it listens, and how often it wants to hear.</summary>
    public static readonly IReadOnlyList<string> Variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC"];

    private readonly Socket? _socket;

    private SystemdSocket(Socket? socket, TimeSpan? watchdogTime) => (_socket, WatchdogTime) = (socket, watchdogTime);

    /// <summary>Names the process that speaks for the service from now on; only the one before may.</summary>
    public static string MainProcess(int processId) => string.Create(CultureInfo.InvariantCulture, $"MAINPID={processId}");

    /// <summary>Within which time systemd wants to hear <see cref="Alive"/> again; null where it does not.</summary>
    public TimeSpan? WatchdogTime { get; }

    /// <summary>Opens the socket that systemd named in the environment, if it did.</summary>
    /// <param name="environment">Reads an environment variable.</param>
    /// <param name="processId">This process, since the watchdog may be meant for another.</param>
    /// <param name="log">Takes a line where there is such a socket, but it cannot be used.</param>
    public static SystemdSocket Open(Func<string, string?> environment, int processId, Action<string> log)
    {
        var path = environment("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path) || path[0] is not ('/' or '@')) return new SystemdSocket(null, null);
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            // An abstract socket, one that is no file, is written with @ and named with a zero byte.
            socket.Connect(new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
            return new SystemdSocket(socket, FindWatchdogTime(environment, processId));
        }
        catch (Exception failure) when (failure is SocketException or ArgumentException)
        {
            log($"systemd cannot be told how the service is, at {path}: {failure.Message}");
            socket.Dispose();
            return new SystemdSocket(null, null);
        }
    }

    /// <summary>Sends one message, of lines of NAME=value. Does not throw.</summary>
    public void Send(string message)
    {
        try
        {
            _socket?.Send(Encoding.UTF8.GetBytes(message));
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // systemd is being restarted, or so busy that its queue is full: the next message may arrive.
            _ = failure;
        }
    }

    public void Dispose() => _socket?.Dispose();

    private static TimeSpan? FindWatchdogTime(Func<string, string?> environment, int processId)
    {
        var meant = environment("WATCHDOG_PID");
        if (!string.IsNullOrEmpty(meant) && meant != processId.ToString(CultureInfo.InvariantCulture)) return null;
        var isNumber = long.TryParse(
            environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds);
        return isNumber && microseconds > 0 ? TimeSpan.FromMicroseconds(microseconds) : null;
    }
}

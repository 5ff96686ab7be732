using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Hotcore.Installing;

public sealed class SystemdSocketTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _log = [];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_arrive_at_a_socket_in_the_file_system_and_at_an_abstract_one(bool isAbstract)
    {
        var name = isAbstract ? $"hotcore-test-{Guid.NewGuid():N}" : _folder["notify"];
        using var systemd = Listen(isAbstract ? "\0" + name : name);
        using var socket = Open(("NOTIFY_SOCKET", isAbstract ? "@" + name : name), ("WATCHDOG_USEC", "200000"));
        Assert.Equal(TimeSpan.FromMilliseconds(200), socket.WatchdogTime);
        await using (new Heartbeat(socket, () => Task.CompletedTask, TimeProvider.System))
        {
            Assert.Equal("READY=1\nWATCHDOG=1", Receive(systemd));
            Assert.Equal("WATCHDOG=1", Receive(systemd));
            Assert.Equal("WATCHDOG=1", Receive(systemd));
        }
        string last;
        do last = Receive(systemd);
        while (last == "WATCHDOG=1");
        Assert.Equal("STOPPING=1", last);
        Assert.Empty(_log);
    }

    [Fact]
    public async Task A_part_that_hangs_keeps_the_heart_from_beating_and_not_from_stopping()
    {
        using var systemd = Listen(_folder["notify"]);
        using var socket = Open(("NOTIFY_SOCKET", _folder["notify"]), ("WATCHDOG_USEC", "20000"));
        await using (new Heartbeat(socket, () => new TaskCompletionSource().Task, TimeProvider.System))
        {
            Assert.Equal("READY=1\nWATCHDOG=1", Receive(systemd));
            await Task.Delay(200);
        }
        Assert.Equal("STOPPING=1", Receive(systemd));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("0", null)]
    [InlineData("nonsense", null)]
    [InlineData("30000000", "1")]
    public void No_watchdog_where_none_is_meant(string microseconds, string? processId)
    {
        using var systemd = Listen(_folder["notify"]);
        using var socket = Open(("NOTIFY_SOCKET", _folder["notify"]), ("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", processId));
        Assert.Null(socket.WatchdogTime);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("relative")]
    [InlineData("/no/such/socket")]
    public void Without_systemd_nothing_is_said_and_nothing_fails(string? path)
    {
        using var socket = Open(("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "30000000"));
        socket.Send(SystemdSocket.Ready);
        Assert.Null(socket.WatchdogTime);
        Assert.Equal(path?.StartsWith('/') == true ? 1 : 0, _log.Count);
    }

    [Fact]
    public void A_systemd_that_went_away_is_no_reason_to_fail()
    {
        SystemdSocket socket;
        using (Listen(_folder["notify"])) socket = Open(("NOTIFY_SOCKET", _folder["notify"]));
        socket.Send(SystemdSocket.Alive);
        socket.Dispose();
        socket.Send(SystemdSocket.Alive);
    }

    private SystemdSocket Open(params (string Name, string? Value)[] environment) => SystemdSocket.Open(
        name => environment.FirstOrDefault(variable => variable.Name == name).Value, Environment.ProcessId, _log.Add);

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };
        socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static string Receive(Socket socket)
    {
        var buffer = new byte[1000];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }
}

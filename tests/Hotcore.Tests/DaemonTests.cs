using System.Net;
using System.Net.Sockets;
using Hotcore.Control;
using Xunit;

namespace Hotcore;

public sealed class DaemonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Mappings_survive_a_restart()
    {
        await using (Daemon first = await StartAsync()) Assert.Equal("ok a.com 80", Ask(first, "add a.com 80"));
        await using Daemon second = await StartAsync();
        Assert.Equal("a.com 80", Ask(second, "list"));
    }

    [Fact]
    public async Task Two_hotcores_on_one_folder_are_refused()
    {
        await using Daemon first = await StartAsync();
        StartFailure failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync());
        Assert.Contains("another hotcore runs with the data folder", failure.Message, StringComparison.Ordinal);
        Assert.Equal("kcehc", Ask(first, "check"));
    }

    [Fact]
    public async Task A_control_port_that_is_taken_is_named_and_the_folder_is_free_again()
    {
        using (var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            int port = ((IPEndPoint)other.LocalEndPoint!).Port;
            StartFailure failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync(port));
            Assert.Contains($"UDP {port}, is taken", failure.Message, StringComparison.Ordinal);
        }
        await using Daemon daemon = await StartAsync();
        Assert.Equal("kcehc", Ask(daemon, "check"));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_folder["data"], "a file");
        StartFailure failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync());
        Assert.Contains(_folder["data"], failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_it_makes_is_its_own_alone()
    {
        await using Daemon daemon = await StartAsync();
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.Equal(ownerOnly, File.GetUnixFileMode(_folder["data"]));
    }

    [Fact]
    public void In_local_mode_the_folder_is_the_users_own()
    {
        Assert.Equal("/opt/hotcore", Paths.Default(isLocal: false, _ => null).DataFolder);
        Assert.Equal("/state/hotcore", Paths.Default(isLocal: true, _ => "/state").DataFolder);
        Assert.EndsWith(
            "/.local/state/hotcore",
            Paths.Default(isLocal: true, _ => "relative").DataFolder,
            StringComparison.Ordinal);
    }

    private static string? Ask(Daemon daemon, string message) =>
        new ControlClient(daemon.ControlEndPoints[0].Port, TimeSpan.FromSeconds(20)).Ask(message);

    private Task<Daemon> StartAsync(int controlPort = 0) =>
        Daemon.StartAsync(new DaemonOptions(true, new Paths(_folder["data"]), null, 0, 0, controlPort), logEcho: null);
}

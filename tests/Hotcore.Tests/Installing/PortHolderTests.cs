using System.Net;
using System.Net.Sockets;
using Hotcore.Loops;
using Hotcore.Machine;
using Xunit;

namespace Hotcore.Installing;

public sealed class PortHolderTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::")]
    public void Whoever_listens_is_found_by_name_and_process(string address)
    {
        using var listener = new TcpListener(IPAddress.Parse(address), 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var holder = Assert.Single(PortHolder.Find(new MachineRoot("/"), port));
        Assert.Equal((port, Environment.ProcessId), (holder.Port, holder.ProcessId));
        Assert.Equal(File.ReadAllText("/proc/self/comm").Trim(), holder.Name);
        listener.Stop();
        // Not at once: a process that another test starts right now has the socket open until its program begins.
        Assert.True(SpinWait.SpinUntil(() => PortHolder.Find(new MachineRoot("/"), port).Count == 0, RunningLoop.Limit));
    }

    [Fact]
    public void Connections_are_no_listeners_and_hotcores_own_service_does_not_count()
    {
        using var machine = new FakeMachine();
        const string head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        machine.Write(
            "/proc/net/tcp",
            head + "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1\n"
            + "   1: 0100007F:01BB 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 101 1\n");
        machine.Write("/proc/77/comm", "hotcore\n");
        machine.Write("/proc/77/cgroup", "0::/system.slice/hotcore.service\n");
        Directory.CreateDirectory(machine["/proc/77/fd"]);
        File.CreateSymbolicLink(machine["/proc/77/fd/5"], "socket:[100]");
        Assert.Empty(PortHolder.Find(machine.Root, 80, 443));
        machine.Write("/proc/77/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n");
        Assert.Equal([new PortHolder(80, "hotcore", 77, null)], PortHolder.Find(machine.Root, 80, 443));
        Directory.Delete(machine["/proc/77"], recursive: true);
        Assert.Equal([new PortHolder(80, "a program that cannot be told", null, null)], PortHolder.Find(machine.Root, 80, 443));
    }

    [Fact]
    public void Whoever_receives_at_a_UDP_port_is_found_and_TCP_is_another_matter()
    {
        using var receiver = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)receiver.Client.LocalEndPoint!).Port;
        Assert.Equal(Environment.ProcessId, PortHolder.FindHolder(new MachineRoot("/"), isUdp: true, port)?.ProcessId);
        Assert.Null(PortHolder.FindHolder(new MachineRoot("/"), isUdp: false, port));
    }

    [Theory]
    [InlineData("nginx", 12, "nginx.service", "port 80 is taken by nginx (process 12); stop it: sudo systemctl disable --now nginx")]
    [InlineData("node", 12, null, "port 80 is taken by node (process 12); stop it: sudo kill 12")]
    [InlineData("docker-proxy", 12, "docker.service", "port 80 is taken by docker-proxy (process 12); a container publishes it; which one: sudo docker ps --filter publish=80")]
    [InlineData("systemd", 1, null, "port 80 is taken by systemd (process 1); systemd listens for one of its services; which one: systemctl list-sockets")]
    [InlineData("it", null, null, "port 80 is taken by it; which one it is: sudo ss -ltnp 'sport = :80'")]
    public void The_remedy_fits_whoever_it_is(string name, int? processId, string? unit, string described) =>
        Assert.Equal(described, new PortHolder(80, name, processId, unit).Describe());
}

using System.Net;
using System.Net.Sockets;
using Hotcore.Loops;
using Xunit;

namespace Hotcore.Logs;

public class ListeningPortsTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.2")]
    [InlineData("0.0.0.0")]
    [InlineData("::1")]
    [InlineData("::")]
    public void A_listener_is_seen_while_it_listens(string address)
    {
        var clock = new ManualClock();
        var ports = new ListeningPorts(clock, _ => { });
        using var listener = new TcpListener(IPAddress.Parse(address), 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Assert.Contains(port, ports.Recent);
        listener.Stop();
        Assert.True(SpinWait.SpinUntil(IsUnseen, RunningLoop.Limit));

        // Not at once: a process that another test starts right now has the socket open until its program begins.
        bool IsUnseen()
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return !ports.Recent.Contains(port);
        }
    }

    [Fact]
    public void Who_reads_now_sees_what_began_to_listen_since()
    {
        var ports = new ListeningPorts(new ManualClock(), _ => { });
        _ = ports.Recent;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Assert.DoesNotContain(port, ports.Recent);
        Assert.Contains(port, ports.ReadNow());
    }

    [Fact]
    public void They_are_read_a_few_times_a_second_at_most()
    {
        var clock = new ManualClock();
        var ports = new ListeningPorts(clock, _ => { });
        var first = ports.Recent;
        clock.Advance(TimeSpan.FromMilliseconds(199));
        Assert.Same(first, ports.Recent);
    }
}

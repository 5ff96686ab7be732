using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Loops;
using Xunit;

namespace Hotcore.Handover;

/// <summary>What passes between a hotcore and its successor.</summary>
public sealed class EstateTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TemporaryFolder _folder = new();
    private readonly Socket _listening = HandoverLink.CreateSocket();

    public EstateTests()
    {
        _listening.Bind(new UnixDomainSocketEndPoint(_folder["link"]));
        _listening.Listen();
    }

    public void Dispose()
    {
        _listening.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Sockets_arrive_as_what_they_are_and_stay_open_here_and_there()
    {
        using var http = Listen();
        using var https = Listen();
        using var control = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        control.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var (mine, other) = await ConnectAsync();

        new Estate([http], [https], [control], [], ["1 2 3"], new Dictionary<string, string> { ["A"] = "b=c", ["D"] = "" }).Send(mine);
        var received = await Estate.ReceiveAsync(other, Patience);

        Assert.Equal(Environment.ProcessId, other.ProcessId);
        Assert.Equal(http.LocalEndPoint, Assert.Single(received.HttpSockets).LocalEndPoint);
        Assert.Equal(https.LocalEndPoint, Assert.Single(received.HttpsSockets).LocalEndPoint);
        Assert.Equal(control.LocalEndPoint, Assert.Single(received.ControlSockets).LocalEndPoint);
        Assert.Equal(["1 2 3"], received.TicketKeys);
        Assert.Equal(new Dictionary<string, string> { ["A"] = "b=c", ["D"] = "" }, received.Environment);
        http.Dispose();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(received.HttpSockets[0].LocalEndPoint!);
        using var accepted = await received.HttpSockets[0].AcceptAsync();
        foreach (var socket in (IEnumerable<Socket>)[.. received.HttpSockets, .. received.HttpsSockets, .. received.ControlSockets])
            socket.Dispose();
        mine.Dispose();
        other.Dispose();
    }

    [Fact]
    public async Task What_a_later_version_hands_over_beyond_that_is_left_aside_and_closed()
    {
        using var http = Listen();
        var unknown = Listen();
        var address = (IPEndPoint)unknown.LocalEndPoint!;
        var (mine, other) = await ConnectAsync();

        mine.Send("hotcore hands over\nsocket quic\nsocket http\nkeys abc\nenvironment A=b\nenvironment A=c\nenvironment D", unknown, http);
        unknown.Dispose();
        var received = await Estate.ReceiveAsync(other, Patience);

        Assert.Equal(http.LocalEndPoint, Assert.Single(received.HttpSockets).LocalEndPoint);
        Assert.Equal(new Dictionary<string, string> { ["A"] = "c" }, received.Environment);
        // Not at once: a process that another test starts right now has the socket open until its program begins.
        Assert.True(SpinWait.SpinUntil(() => IsRefusedAt(address), RunningLoop.Limit));
        received.HttpSockets[0].Dispose();
        mine.Dispose();
        other.Dispose();
    }

    [Fact]
    public void Of_damaged_messages_none_is_taken_for_more_than_it_says_and_no_socket_is_left_open() => Cases.Check(
        random => Cases.Mutate(random, Encoding.ASCII.GetBytes("hotcore hands over\nsocket http\nsocket control\nenvironment A=b")),
        message =>
        {
            using var first = Listen();
            using var second = Listen();
            var (mine, other) = ConnectAsync().GetAwaiter().GetResult();
            using (mine)
            using (other)
            {
                mine.Send(Encoding.UTF8.GetString(message), first, second);
                first.Dispose();
                second.Dispose();
                try
                {
                    var received = Estate.ReceiveAsync(other, Patience).GetAwaiter().GetResult();
                    Socket[] sockets = [.. received.HttpSockets, .. received.HttpsSockets, .. received.ControlSockets];
                    Assert.InRange(sockets.Length, 0, 2);
                    foreach (var socket in sockets) socket.Dispose();
                }
                catch (IOException refused)
                {
                    Assert.Contains(refused.Message.Split(' ')[^1], new[] { "know", "up" });
                }
            }
        },
        count: 1000);

    [Fact]
    public async Task Silence_and_an_end_are_told_apart()
    {
        var (mine, other) = await ConnectAsync();

        var silent = await Assert.ThrowsAsync<IOException>(() => other.ReceiveAsync(TimeSpan.FromMilliseconds(20)));
        mine.Dispose();
        var ended = await Assert.ThrowsAsync<EndOfStreamException>(() => other.ReceiveAsync(Patience));

        Assert.Contains("said nothing", silent.Message, StringComparison.Ordinal);
        Assert.Contains("ended", ended.Message, StringComparison.Ordinal);
        Assert.Throws<EndOfStreamException>(() => other.Send("still there?"));
        other.Dispose();
    }

    [Fact]
    public async Task An_end_before_all_was_read_is_an_end_too()
    {
        var (mine, other) = await ConnectAsync();

        other.Send("never read");
        mine.Dispose();

        await Assert.ThrowsAsync<EndOfStreamException>(() => other.ReceiveAsync(Patience));
        other.Dispose();
    }

    private static bool IsRefusedAt(IPEndPoint address)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            client.Connect(address);
            return false;
        }
        catch (SocketException failure) when (failure.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private async Task<(HandoverLink Mine, HandoverLink Other)> ConnectAsync()
    {
        var mine = HandoverLink.Connect(_folder["link"]);
        return (mine, new HandoverLink(await _listening.AcceptAsync()));
    }
}

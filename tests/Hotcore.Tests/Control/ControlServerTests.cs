using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using Hotcore.Loops;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Control;

public class ControlServerTests
{
    [Fact]
    public async Task What_is_sent_during_a_pause_is_answered_after_it()
    {
        await using var control = new RunningControl();
        Assert.Equal("kcehc", control.Ask("check"));
        for (var i = 0; i < 3; i++)
        {
            await control.Server.PauseAsync();
            using var client = control.Connect();
            client.Send("check"u8);
            using var client6 = control.Connect(IPAddress.IPv6Loopback);
            client6.Send("version"u8);
            Assert.False(client.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead));
            control.Server.Resume();
            Assert.Equal("kcehc", RunningControl.Receive(client));
            Assert.Equal("1.2.3", RunningControl.Receive(client6));
        }
        await control.Server.PauseAsync();
    }

    [Fact]
    public async Task Each_change_that_is_stored_is_answered_also_when_it_stops()
    {
        await using var control = new RunningControl(answerPatience: RunningLoop.Limit);
        using var client = control.Connect();
        for (var i = 0; i < 100; i++) client.Send(Encoding.ASCII.GetBytes($"add d{i}.com 8080"));
        Assert.StartsWith("ok ", RunningControl.Receive(client));

        await control.Server.DisposeAsync();

        for (var answered = 1; answered < control.Mappings.Snapshot.Count; answered++)
            Assert.StartsWith("ok ", RunningControl.Receive(client));
    }

    [Fact]
    public async Task A_wish_for_a_new_certificate_is_handed_on_and_answered_with_what_becomes_of_it()
    {
        await using var control = new RunningControl();
        control.Ask("add a.com 8080");
        var asked = new List<DomainName>();
        control.Renew = domain =>
        {
            asked.Add(domain);
            return asked.Count == 1 ? null : asked.Count == 2 ? "not so soon" : throw new InvalidOperationException("broken");
        };

        Assert.Equal("error b.com is not mapped; use: add b.com <port>", control.Ask("renew b.com"));
        Assert.Empty(asked);
        Assert.Equal("ok a.com", control.Ask("renew A.com"));
        Assert.Equal("error not so soon", control.Ask("renew a.com"));
        Assert.StartsWith("error hotcore failed on this message", control.Ask("renew a.com"), StringComparison.Ordinal);
        Assert.Equal("a.com", Assert.Single(asked.Distinct()).ToString());
        Assert.Single(control.Log.All, line => line == $"renew a.com, by {Environment.UserName}");
    }

    /// <summary>Whoever hands over pauses first: what was promised by then is on disk.</summary>
    [Fact]
    public async Task A_pause_waits_for_a_wish_that_is_being_written_down()
    {
        await using var control = new RunningControl();
        control.Ask("add a.com 8080");
        using var asking = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        control.Renew = _ =>
        {
            asking.Set();
            mayEnd.Wait(RunningLoop.Limit);
            return null;
        };
        using var client = control.Connect();
        client.Send("renew a.com"u8);
        Assert.True(asking.Wait(RunningLoop.Limit));

        var pause = control.Server.PauseAsync();
        Assert.NotSame(pause, await Task.WhenAny(pause, Task.Delay(100)));
        mayEnd.Set();
        await pause;
        Assert.Equal("ok a.com", RunningControl.Receive(client));
        control.Server.Resume();
    }

    [Fact]
    public async Task Mappings_are_added_listed_replaced_and_removed()
    {
        await using var control = new RunningControl();
        Assert.Equal("", control.Ask("list"));
        Assert.Equal("ok b.com 9000", control.Ask("add B.com. 9000\n"));
        Assert.Equal("ok a.com 8080", control.Ask("add a.com 8080"));
        Assert.Equal("a.com 8080\nb.com 9000", control.Ask("list"));
        Assert.Equal("b.com 9000", control.Ask("list after a.com"));
        Assert.Equal("ok a.com 8081", control.Ask("add a.com 8081"));
        Assert.Equal(8081, control.Mappings.Snapshot.Find("a.com"u8)?.Port);
        Assert.Equal("ok b.com", control.Ask("remove b.com"));
        Assert.Equal("ok b.com", control.Ask("remove b.com"));
        Assert.Equal("a.com 8081", control.Ask("list"));
        Assert.Equal("kcehc", control.Ask("check"));
        Assert.Equal("1.2.3", control.Ask("version"));
    }

    [Fact]
    public async Task It_answers_on_both_loopback_addresses_and_one_port()
    {
        await using var control = new RunningControl();
        Assert.Single(control.Server.EndPoints.Select(address => address.Port).Distinct());
        foreach (var address in control.Server.EndPoints)
        {
            using var socket = control.Connect(address.Address);
            socket.Send("check"u8);
            Assert.Equal("kcehc", RunningControl.Receive(socket));
        }
    }

    [Fact]
    public async Task A_long_listing_comes_in_pages_that_end_in_more()
    {
        await using var control = new RunningControl();
        string[] domains = [.. Enumerable.Range(0, 5000).Select(i => $"app-{i:d4}.a-rather-long-name.example.com")];
        var names = domains.Select(MappingSnapshotTests.Name);
        await Task.WhenAll(names.Select(name => control.Mappings.AddAsync(name, 8080)));
        var listed = new List<string>();
        var message = "list";
        while (true)
        {
            var reply = control.Ask(message);
            Assert.InRange(Encoding.UTF8.GetByteCount(reply), 1, ControlMessage.MaxReplyBytes);
            var lines = reply.Split('\n');
            listed.AddRange(lines.Where(line => line != "more"));
            if (lines[^1] != "more") break;
            Assert.InRange(reply.Length, 59_900, ControlMessage.MaxReplyBytes);
            message = $"list after {lines[^2].Split(' ')[0]}";
        }
        Assert.Equal(domains.Select(domain => domain + " 8080"), listed);
        Assert.Equal(
            5000, new ControlClient(control.Port, TimeSpan.FromSeconds(20)).AskForAll("status domains")!.Count());
    }

    [Fact]
    public async Task Reading_never_waits_for_the_disk()
    {
        using var writing = new SemaphoreSlim(0);
        using var proceed = new SemaphoreSlim(0);
        await using var control = new RunningControl((file, bytes, offset) =>
        {
            RandomAccess.Write(file, bytes, offset);
            if (offset == 0) return;
            writing.Release();
            proceed.Wait();
        });
        using var adding = control.Connect();
        adding.Send("add a.com 8080"u8);
        await writing.WaitAsync();
        Assert.Equal("kcehc", control.Ask("check"));
        Assert.Equal("", control.Ask("list"));
        Assert.StartsWith("version 1.2.3\n", control.Ask("status"), StringComparison.Ordinal);
        Assert.Equal(0, adding.Available);
        proceed.Release();
        Assert.Equal("ok a.com 8080", RunningControl.Receive(adding));
    }

    [Fact]
    public async Task A_change_that_cannot_be_stored_is_refused()
    {
        await using var control = new RunningControl((file, bytes, offset) =>
        {
            if (offset > 0) throw new IOException("No space left on device");
            RandomAccess.Write(file, bytes, offset);
        });
        Assert.Equal("error not stored, nothing changed: No space left on device", control.Ask("add a.com 8080"));
        Assert.Equal("", control.Ask("list"));
    }

    [Fact]
    public async Task Ports_of_hotcore_itself_are_refused()
    {
        await using var control = new RunningControl(ownPort: 8080);
        Assert.StartsWith(
            "error hotcore itself listens on port 8080;", control.Ask("add a.com 8080"), StringComparison.Ordinal);
        Assert.StartsWith(
            "error hotcore itself listens on port", control.Ask($"add a.com {control.Port}"), StringComparison.Ordinal);
        Assert.Equal(0, control.Mappings.Snapshot.Count);
    }

    [Fact]
    public async Task A_change_is_logged_with_the_user_who_sent_it()
    {
        await using var control = new RunningControl();
        control.Ask("add a.com 8080");
        using (var socket = control.Connect(IPAddress.IPv6Loopback))
        {
            socket.Send("remove a.com"u8);
            RunningControl.Receive(socket);
        }
        Assert.Equal(
            [$"add a.com 8080, by {Environment.UserName}", $"remove a.com, by {Environment.UserName}"],
            control.Log.All);
    }

    [Fact]
    public async Task Status_tells_what_runs_and_what_each_app_does()
    {
        await using var control = new RunningControl();
        using var app = AppListener.Open(control.Port, out var port);
        control.Ask($"add up.com {port}");
        control.Ask("add down.com 1");
        Assert.StartsWith(
            $"up.com {port} upstream up certificate none made 2",
            control.Ask("status up.com"),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "down.com 1 upstream down certificate none ", control.Ask("status domains"), StringComparison.Ordinal);
        Assert.StartsWith(
            $"up.com {port} upstream up ", control.Ask("status domains after down.com"), StringComparison.Ordinal);
        Assert.Equal("error no.com is not mapped; use: add no.com <port>", control.Ask("status no.com"));
        var lines = control.Ask("status").Split('\n');
        Assert.Contains("domains 2", lines);
        Assert.Contains("attention 1", lines);
        Assert.Contains($"control 127.0.0.1:{control.Port}", lines);
    }

    [Fact]
    public async Task What_is_empty_oversized_or_not_UTF8_changes_nothing()
    {
        await using var control = new RunningControl();
        using var socket = control.Connect();
        socket.Send(Array.Empty<byte>());
        socket.Send("check"u8);
        Assert.Equal("kcehc", RunningControl.Receive(socket));
        foreach (var length in (int[])[1025, 1026, 2048, 60_000])
            Assert.StartsWith(
                "error a message is at most 1024",
                control.Ask("add a.com 80".PadRight(length)),
                StringComparison.Ordinal);
        Assert.StartsWith(
            "error a message is UTF-8", control.Ask([.. "add a.com 80"u8, 0xFF]), StringComparison.Ordinal);
        Assert.Equal(0, control.Mappings.Snapshot.Count);
        Assert.Empty(control.Log.All);
    }

    [Fact]
    public async Task Nothing_that_arrives_ends_the_receiving()
    {
        await using var control = new RunningControl();
        using var socket = control.Connect();
        Cases.Check(
            random => Cases.Mutate(random, Encoding.UTF8.GetBytes(ControlMessageTests.PickMessage(random))),
            datagram =>
            {
                socket.Send(datagram);
                if (datagram.Length > 0)
                    Assert.InRange(RunningControl.Receive(socket).Length, 0, ControlMessage.MaxReplyBytes);
            },
            count: 2000);
        Assert.Equal("kcehc", control.Ask("check"));
    }

    [Fact]
    public async Task A_burst_of_changes_is_answered_one_by_one()
    {
        await using var control = new RunningControl();
        using var socket = control.Connect();
        socket.ReceiveBufferSize = 4_000_000;
        const int burst = 200; // As many as the smallest usual receive buffer holds.
        for (var i = 0; i < burst; i++) socket.Send(Encoding.ASCII.GetBytes($"add n{i}.com 80"));
        var replies = new HashSet<string>();
        while (replies.Count < burst) replies.Add(RunningControl.Receive(socket));
        Assert.Equal(burst, control.Mappings.Snapshot.Count);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_an_error()
    {
        await using var control = new RunningControl();
        var failure = Assert.Throws<SocketException>(() => ControlSocket.Open(control.Port, _ => { }));
        Assert.Equal(SocketError.AddressAlreadyInUse, failure.SocketErrorCode);
    }

    [Fact]
    public async Task A_client_knows_at_once_that_nobody_is_there()
    {
        int port;
        await using (var control = new RunningControl()) port = control.Port;
        // Not at once: a process that another test starts right now has the sockets open until its program begins.
        var machine = IPGlobalProperties.GetIPGlobalProperties();
        Assert.True(SpinWait.SpinUntil(() => machine.GetActiveUdpListeners().All(bound => bound.Port != port), RunningLoop.Limit));
        // Longer than any test run: it is the refusal that ends it.
        Assert.Null(new ControlClient(port, TimeSpan.FromHours(1)).Ask("check"));
    }

    [Fact]
    public void A_client_gives_up_on_a_port_whose_owner_is_silent()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        Assert.Null(new ControlClient(port, TimeSpan.FromMilliseconds(20)).Ask("check"));
    }
}

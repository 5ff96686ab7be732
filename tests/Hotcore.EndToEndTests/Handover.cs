using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>One process takes the place of another that serves the same data folder; without systemd.</summary>
public sealed class Handover : IAsyncLifetime
{
    private RunningHotcore _hotcore = null!;

    private string HandoverSocket => Path.Combine(_hotcore.DataFolder, "handover");

    public async ValueTask InitializeAsync() => _hotcore = await RunningHotcore.Start();

    public ValueTask DisposeAsync() => _hotcore.DisposeAsync();

    [Fact]
    public async Task New_connections_are_the_new_process_s_and_the_old_one_ends_when_it_has_none()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);

        var old = await _hotcore.TakeOver();

        Assert.Equal(0, await old.WaitForExit());
        Assert.Equal("GET /", (await _hotcore.Get(domain)).Text);
        Assert.Equal("GET /", (await _hotcore.GetTls(domain)).Text);
        Assert.Equal($"{domain} {upstream.Port}", await _hotcore.Control("list"));
    }

    [Fact]
    public async Task An_idle_connection_gets_one_more_answer_and_is_told_that_it_is_the_last()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await _hotcore.Connect();
        await using var secure = await _hotcore.ConnectTls(domain);
        await client.Get(domain);
        await secure.Get(domain);

        var old = await _hotcore.TakeOver();
        await Wait.ToSeeThatNothingHappens();

        foreach (var one in new[] { client, secure })
        {
            var last = await one.Get(domain, "/last");
            Assert.Equal("GET /last", last.Text);
            Assert.Equal("close", last.Fields["Connection"]);
            await one.ReadEnd();
        }
        Assert.Equal(0, await old.WaitForExit());
    }

    [Fact]
    public async Task A_request_in_flight_and_a_tunnel_go_on_in_the_old_process()
    {
        await using var scripted = TestUpstream.Scripted();
        await using var echoing = TestUpstream.Echoing();
        var slow = await _hotcore.AddNewDomain(scripted.Port);
        var tunnel = await _hotcore.AddNewDomain(echoing.Port);
        await using var client = await _hotcore.Connect();
        await client.Send($"POST / HTTP/1.1\r\nHost: {slow}\r\nContent-Length: 10\r\n\r\nhello");
        using var connection = await scripted.Accept();
        var head = await connection.ExpectHead();
        await using var upgraded = await _hotcore.Connect();
        await upgraded.Upgrade(tunnel);

        var old = await _hotcore.TakeOver();
        await client.Send("world");
        Assert.Equal("helloworld"u8.ToArray(), await connection.BodyOf(head).ReadAll());
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.Equal("ok", (await client.Read()).Text);
        await client.ReadEnd();
        await upgraded.ExpectEcho("still here");
        Assert.False(old.HasExited);
        upgraded.HalfClose();
        await upgraded.ReadEnd();

        Assert.Equal(0, await old.WaitForExit());
    }

    [Fact]
    public async Task A_client_of_HTTP_2_is_told_to_go_and_finishes_its_streams()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(_hotcore.Http);
        var stream = await client.Request(domain, "/in-flight");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        var old = await _hotcore.TakeOver();
        await client.Until(() => client.GoAway is { Number: < int.MaxValue }, "GOAWAY with the last stream");
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        await client.ReadAnswer(stream);

        Assert.Equal("hello", stream.Text);
        Assert.Equal((Http2Error.NoError, stream.Id), (client.GoAway!.Error, client.GoAway.Number));
        await client.Until(() => client.End != null, "the end of the connection");
        Assert.Equal(0, await old.WaitForExit());
    }

    [Fact]
    public async Task No_connection_is_refused_and_no_message_unanswered_while_ten_processes_follow_each_other()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        using var over = new CancellationTokenSource();
        var acknowledged = new List<string>();
        var clients = Task.WhenAll(Enumerable.Range(0, 4).Select(n => n % 2 == 0 ? Connect() : ConnectTls()).Append(Change()));

        for (var round = 0; round < 10; round++)
            await _hotcore.TakeOver();
        await over.CancelAsync();
        await clients;

        Assert.True(acknowledged.Count >= 10, $"{acknowledged.Count} changes");
        var listed = await _hotcore.List();
        Assert.Empty(acknowledged.Except(listed.Select(mapping => mapping.Domain)));
        Assert.Empty(upstream.Malformed);

        async Task Connect()
        {
            while (!over.IsCancellationRequested)
                Assert.Equal("GET /", (await _hotcore.Get(domain)).Text);
        }

        async Task ConnectTls()
        {
            while (!over.IsCancellationRequested)
                Assert.Equal("GET /", (await _hotcore.GetTls(domain)).Text);
        }

        async Task Change()
        {
            using var socket = new ControlSocket(_hotcore.ControlAddress);
            while (!over.IsCancellationRequested)
            {
                var other = _hotcore.NewDomain();
                Assert.Equal($"ok {other} {upstream.Port}", await socket.Ask($"add {other} {upstream.Port}"));
                acknowledged.Add(other);
            }
        }
    }

    [Fact]
    public async Task What_is_mapped_anew_is_where_a_connection_of_the_process_before_the_last_goes_too()
    {
        await using var before = TestUpstream.Answering(_ => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbefore");
        await using var after = TestUpstream.Answering(_ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter");
        var domain = await _hotcore.AddNewDomain(before.Port);
        await using var client = await _hotcore.Connect();
        await client.Get(domain);

        await _hotcore.TakeOver();
        await _hotcore.TakeOver();
        await _hotcore.Add(domain, after.Port);

        Assert.Equal("after", (await client.Get(domain)).Text);
    }

    [Fact]
    public async Task A_TLS_session_of_the_old_process_is_resumed_by_the_new_one_and_by_the_one_after()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        var session = Path.GetTempFileName();
        var request = $"GET /resumed HTTP/1.1\nHost: {domain}\nConnection: close\n\n";
        await OpenSsl.Run(_hotcore, domain, request, "-crlf", "-sess_out", session);

        for (var round = 0; round < 2; round++)
        {
            await _hotcore.TakeOver();
            var output = await OpenSsl.Run(_hotcore, domain, request, "-crlf", "-sess_in", session);

            Assert.Contains("Reused, TLSv1.3", output);
            Assert.Contains("GET /resumed", output);
        }
        File.Delete(session);
    }

    [Fact]
    public async Task The_new_process_maps_no_domain_to_a_port_that_it_got_from_the_old_one()
    {
        await _hotcore.TakeOver();

        foreach (var own in new[] { _hotcore.Http.Port, _hotcore.Https.Port })
            Assert.StartsWith("error ", await _hotcore.Control($"add circle.example.com {own}"));
        Assert.Equal("", await _hotcore.Control("list"));
    }

    [Fact]
    public async Task With_nobody_to_take_over_from_it_says_so_and_does_not_start()
    {
        _hotcore.Signal(ChildProcess.Terminate);
        await _hotcore.WaitForExit();
        Assert.False(File.Exists(HandoverSocket));

        await using var successor = _hotcore.StartSuccessor();

        Assert.Equal(1, await successor.WaitForExit());
        await successor.ReadToEnd();
        Assert.StartsWith($"hotcore cannot start: there is no hotcore to take over from at {HandoverSocket}", successor.Error);
    }

    [Fact]
    public async Task A_process_that_comes_to_the_socket_with_something_else_changes_nothing()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await _hotcore.AddNewDomain(upstream.Port);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(HandoverSocket));

        foreach (var said in new[] { "hello", "serving", "" })
        {
            using var stranger = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
            await stranger.ConnectAsync(new UnixDomainSocketEndPoint(HandoverSocket));
            await stranger.SendAsync(Encoding.ASCII.GetBytes(said));
            Assert.Equal(0, await stranger.ReceiveAsync(new byte[100]));
        }

        Assert.Equal($"ok {domain} {upstream.Port}", await _hotcore.Control($"add {domain} {upstream.Port}"));
        Assert.Equal(0, await (await _hotcore.TakeOver()).WaitForExit());
        Assert.Equal("GET /", (await _hotcore.Get(domain)).Text);
    }

    /// <summary>Killed at twenty moments between its start and its serving: before it asked, while it loads, when it serves.</summary>
    [Fact]
    public async Task Whenever_the_successor_is_killed_nothing_acknowledged_is_lost_and_the_old_process_goes_on_if_it_was_not_released()
    {
        const int Rounds = 20;
        await using var upstream = TestUpstream.Repeating();
        var acknowledged = new List<(string Domain, int Port)> { (await _hotcore.AddNewDomain(upstream.Port), upstream.Port) };
        var whole = Stopwatch.StartNew();
        await _hotcore.TakeOver();
        whole.Stop();

        for (var round = 0; round < Rounds; round++)
        {
            await using var client = await _hotcore.Connect();
            await client.Get(acknowledged[0].Domain);
            await using (var successor = _hotcore.StartSuccessor())
            {
                await Task.Delay(whole.Elapsed * round / Rounds);
                await successor.Kill();
            }
            if (await AddUnlessSuperseded() is { } added)
            {
                acknowledged.Add((added, upstream.Port));
                Assert.False((await client.Get(added)).Fields.Has("Connection"));
                Assert.Equal("GET /", (await _hotcore.Get(added)).Text);
            }
            else
            {
                _hotcore.Signal(ChildProcess.Terminate);
                await _hotcore.WaitForExit();
                await _hotcore.StartAgain();
            }
            Assert.Equal(acknowledged.Order(), (await _hotcore.List()).Order());
        }

        async Task<string?> AddUnlessSuperseded()
        {
            var domain = _hotcore.NewDomain();
            using var socket = new ControlSocket(_hotcore.ControlAddress);
            using var noMore = new CancellationTokenSource();
            await socket.Send(Encoding.ASCII.GetBytes($"add {domain} {upstream.Port}"));
            var reply = socket.Receive(stop: noMore.Token);
            await Wait.Until(() => reply.IsCompleted || _hotcore.IsSuperseded, "a reply, or the end of its reign");
            await noMore.CancelAsync();
            if (await reply is not { } text)
                return null;
            Assert.Equal($"ok {domain} {upstream.Port}", text);
            return domain;
        }
    }
}

/// <summary>The same of a server, with certificates from a CA.</summary>
public sealed class HandoverOfServer : IDisposable
{
    private readonly DirectoryInfo _brokenLibraries = Directory.CreateTempSubdirectory("hotcore-e2e-");

    public void Dispose() => _brokenLibraries.Delete(recursive: true);

    [Fact]
    public async Task A_successor_that_cannot_serve_says_why_and_the_old_process_goes_on_as_if_nothing_had_been()
    {
        foreach (var name in new[] { "libssl.so.3", "libcrypto.so.3", "libssl.so.4", "libcrypto.so.4" })
            await File.WriteAllTextAsync(Path.Combine(_brokenLibraries.FullName, name), "no library");
        await using var upstream = TestUpstream.Repeating();
        await using var hotcore = await RunningHotcore.Start(new StartOptions { Acme = AcmeDirectory.Unreachable });
        var domain = await hotcore.AddNewDomain(upstream.Port);
        await using var client = await hotcore.Connect();
        await client.Get(domain);

        await using var successor = hotcore.StartSuccessor(
            new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = _brokenLibraries.FullName });
        Assert.Equal(1, await successor.WaitForExit());
        await successor.ReadToEnd();

        Assert.Contains("hotcore cannot start: HTTPS cannot be offered: OpenSSL", successor.Error);
        var other = await hotcore.AddNewDomain(upstream.Port);
        Assert.Equal($"{domain} {upstream.Port}\n{other} {upstream.Port}", await hotcore.Control("list"));
        Assert.False((await client.Get(domain)).Fields.Has("Connection"));
        foreach (var logged in new[] { "the handover failed, nothing changes", $"add {other} {upstream.Port}" })
            await Wait.Until(() => File.ReadLines(hotcore.LogFile).Any(line => line.Contains(logged)), $"the log to say '{logged}'");
        Assert.Contains("certificate failed retries", await hotcore.Control($"status {domain}"));
    }

    [Fact]
    public async Task Certificates_that_are_on_their_way_come_from_whichever_process_is_in_charge_with_one_account()
    {
        await using var pebble = new Pebble();
        await using var hotcore = await RunningHotcore.Start(new StartOptions
        {
            Acme = pebble.Acme,
            HttpPort = FreePort.Take(),
            HttpsPort = FreePort.Take(),
        });
        await using var app = TestUpstream.Repeating();
        await pebble.Start(hotcore);
        var domains = new List<string>();

        for (var round = 0; round < 4; round++)
        {
            for (var i = 0; i < 3; i++)
                domains.Add(await hotcore.AddNewDomain(app.Port));
            await Task.Delay(round * 100);
            await hotcore.TakeOver();
        }

        foreach (var domain in domains)
        {
            await hotcore.UntilCertificateIs("valid", domain);
            Assert.Equal("GET /", (await hotcore.GetTls(domain, pebble.Trusted)).Text);
        }
        Assert.Equal(1, await pebble.EndAndCountAccounts());
    }
}

using System.Net;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>What a start meets where somebody has a port already, or had it a moment ago.</summary>
public class TakenPorts : IAsyncLifetime
{
    private readonly TemporaryFolder _data = new();
    private readonly int _free = FreePort.Take();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _data.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_second_hotcore_is_told_that_the_first_has_the_port_and_gets_no_client()
    {
        await using var app = TestUpstream.Repeating();
        await using var first = await RunningHotcore.Start();
        var domain = await first.AddNewDomain(app.Port);

        var overHttp = await Serve(first.Http.Port, _free, FreePort.Take());
        var overHttps = await Serve(_free, first.Https.Port, FreePort.Take());
        var onBoth = await Serve(_free, _free, FreePort.Take());
        var forMessages = await Serve(_free, FreePort.Take(), first.ControlAddress.Port);

        ExpectRefusal($"port {first.Http.Port} is taken by hotcore (process {first.ProcessId}); stop it: "
            + $"sudo kill {first.ProcessId}, or choose another port with --http-port", overHttp);
        ExpectRefusal($"port {first.Https.Port} is taken by hotcore (process {first.ProcessId}); stop it: "
            + $"sudo kill {first.ProcessId}, or choose another port with --https-port", overHttps);
        ExpectRefusal($"port {_free} cannot be the one for HTTP and the one for HTTPS; choose another with --http-port", onBoth);
        ExpectRefusal($"the control port, UDP {first.ControlPort}, is taken by hotcore (process {first.ProcessId}); stop it: "
            + $"sudo kill {first.ProcessId}, or choose another with --control-port", forMessages);
        for (var i = 0; i < 40; i++)
            Assert.Equal($"GET /{i}", (await first.Get(domain, $"/{i}")).Text);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    public async Task Another_program_that_has_the_port_is_named(string address)
    {
        await using var python = ChildProcess.Start("python3", ["-m", "http.server", "--bind", address, _free.ToString()]);
        await Wait.Until(() => RealApp.Answers(_free), "python to listen");

        var refused = await Serve(_free, FreePort.Take(), FreePort.Take());

        ExpectRefusal($"port {_free} is taken by python3 (process {python.Id}); stop it: sudo kill {python.Id}, "
            + "or choose another port with --http-port", refused);
    }

    /// <summary>Who closes first keeps the connection in TIME_WAIT, for a minute, at its own port.</summary>
    [Fact]
    public async Task A_restart_takes_its_ports_again_while_connections_of_before_are_still_in_the_kernel()
    {
        await using var app = TestUpstream.Repeating();
        await using var hotcore = await RunningHotcore.Start(
            new StartOptions { HttpPort = _free, HttpsPort = FreePort.Take() });
        var domain = await hotcore.AddNewDomain(app.Port);
        for (var i = 0; i < 20; i++)
        {
            await using var client = await hotcore.Connect();
            var answer = await client.Exchange($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
            Assert.Equal(200, answer.Status);
        }
        using var idle = new TcpClient();
        await idle.ConnectAsync(hotcore.Http);

        hotcore.Signal(ChildProcess.Terminate);
        Assert.Equal(0, await hotcore.WaitForExit());
        Assert.Contains(" 06 ", await TimeWaitOf(_free));
        await hotcore.StartAgain();

        Assert.Equal(_free, hotcore.Http.Port);
        Assert.Equal("GET /again", (await hotcore.Get(domain, "/again")).Text);
    }

    /// <summary>The kernel's lines about a port's connections that are over (state 06).</summary>
    private static async Task<string> TimeWaitOf(int port) =>
        string.Join('\n', (await File.ReadAllLinesAsync("/proc/net/tcp"))
            .Where(line => line.Contains($":{port:X4} ") && line.Contains(" 06 ")));

    private Task<Finished> Serve(int httpPort, int httpsPort, int controlPort) => HotcoreBinary.Run(
        "serve", "--local", "--data", _data.Path($"{Guid.NewGuid():N}"), "--bind", IPAddress.Loopback.ToString(),
        "--http-port", httpPort.ToString(), "--https-port", httpsPort.ToString(), "--control-port", controlPort.ToString());

    private static void ExpectRefusal(string words, Finished refused)
    {
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"hotcore cannot start: {words}\n", refused.Error);
    }
}

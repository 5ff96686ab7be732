using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Hotcore.Certificates.Acme;
using Hotcore.Control;
using Hotcore.Proxying;
using Xunit;

namespace Hotcore;

public sealed class DaemonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Mappings_survive_a_restart()
    {
        await using (var first = await StartAsync()) Assert.Equal("ok a.com 80", Ask(first, "add a.com 80"));
        await using var second = await StartAsync();
        Assert.Equal("a.com 80", Ask(second, "list"));
    }

    [Fact]
    public async Task Two_hotcores_on_one_folder_are_refused()
    {
        await using var first = await StartAsync();
        var failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync());
        Assert.Contains("another hotcore runs with the data folder", failure.Message, StringComparison.Ordinal);
        Assert.Equal("kcehc", Ask(first, "check"));
    }

    [Fact]
    public async Task A_control_port_that_is_taken_is_named_and_the_folder_is_free_again()
    {
        using (var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var port = ((IPEndPoint)other.LocalEndPoint!).Port;
            var failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync(port));
            Assert.Contains($"UDP {port}, is taken", failure.Message, StringComparison.Ordinal);
        }
        await using var daemon = await StartAsync();
        Assert.Equal("kcehc", Ask(daemon, "check"));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_folder["data"], "a file");
        var failure = await Assert.ThrowsAsync<StartFailure>(() => StartAsync());
        Assert.Contains(_folder["data"], failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_it_makes_is_its_own_alone()
    {
        await using var daemon = await StartAsync();
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.Equal(ownerOnly, File.GetUnixFileMode(_folder["data"]));
    }

    [Fact]
    public async Task A_server_serves_a_name_that_no_public_ca_certifies_over_plain_HTTP_and_says_why()
    {
        await using var daemon = await StartServerAsync();
        using var app = StartApp(daemon);
        Assert.Equal($"ok app.internal {app.Port}", Ask(daemon, $"add app.internal {app.Port}"));
        AwaitAnswer(daemon, "status app.internal", "certificate none made");
        AwaitAnswer(daemon, "status app.internal", "because no public CA certifies app.internal");
        AwaitAnswer(daemon, "status", "\nattention 0\n");

        var served = new HttpRequestMessage(HttpMethod.Get, Url(daemon, "http")) { Headers = { Host = "app.internal" } };
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var answer = await client.SendAsync(served);
        Assert.Equal("plain", await answer.Content.ReadAsStringAsync());

        using var tcp = new TcpClient("127.0.0.1", Url(daemon, "https").Port);
        await using var tls = new SslStream(tcp.GetStream());
        var refused = await Assert.ThrowsAsync<AuthenticationException>(
            () => tls.AuthenticateAsClientAsync("app.internal"));
        Assert.Contains("unrecognized name", refused.ToString(), StringComparison.Ordinal);
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

    /// <summary>An app on another port than the control port: what is free for TCP may be hotcore's for UDP, and is refused as an app's.</summary>
    private static TestUpstream StartApp(Daemon daemon)
    {
        var app = new TestUpstream(_ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
        if (app.Port != daemon.ControlEndPoints[0].Port) return app;
        using (app) return StartApp(daemon); // Held meanwhile, so that it is not drawn again.
    }

    private static void AwaitAnswer(Daemon daemon, string message, string words) =>
        Assert.True(SpinWait.SpinUntil(
            () => Ask(daemon, message)!.Contains(words, StringComparison.Ordinal), TimeSpan.FromSeconds(20)));

    private static Uri Url(Daemon daemon, string scheme)
    {
        string line = Ask(daemon, "status")!.Split('\n').First(line => line.StartsWith($"{scheme} ", StringComparison.Ordinal));
        return new Uri($"{scheme}://{line.Split(' ')[1]}/");
    }

    /// <summary>A server whose CA takes itself for a public one, and is not there: nobody real is ever asked.</summary>
    private Task<Daemon> StartServerAsync()
    {
        var options = new DaemonOptions(false, new Paths(_folder["data"]), IPAddress.Loopback, 0, 0, 0)
        {
            Acme = new AcmeSettings(new Uri("https://127.0.0.1:1/directory")) { IsPublic = true },
        };
        return Daemon.StartAsync(options, logEcho: null);
    }

    private Task<Daemon> StartAsync(int controlPort = 0) =>
        Daemon.StartAsync(new DaemonOptions(true, new Paths(_folder["data"]), null, 0, 0, controlPort), logEcho: null);
}

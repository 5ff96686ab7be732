using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>
/// Clients that are not on this machine: what they claim about themselves is dropped, and they command nothing.
/// </summary>
public class OutsideClients : IAsyncLifetime
{
    private OutsideNetwork _network = null!;
    private RunningHotcore _hotcore = null!;
    private TestUpstream _upstream = null!;

    public async ValueTask InitializeAsync()
    {
        _hotcore = await RunningHotcore.Start(new StartOptions { Bind = "0.0.0.0" });
        _upstream = TestUpstream.Repeating();
        _network = await OutsideNetwork.Start();
        try
        {
            await _hotcore.Add("a.example.com", _upstream.Port);
        }
        catch
        {
            // xunit disposes only of what was initialised, and a network outlives this process.
            await _network.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _network.DisposeAsync();
        await _upstream.DisposeAsync();
        await _hotcore.DisposeAsync();
    }

    [Fact]
    public async Task The_app_learns_the_clients_address()
    {
        var request = await Forward();

        Assert.Equal(_network.Outside.ToString(), request.Fields["X-Forwarded-For"]);
        Assert.Equal(_network.Outside.ToString(), request.Fields["X-Real-IP"]);
    }

    [Fact]
    public async Task What_a_client_claims_is_dropped()
    {
        var request = await Forward(
            "X-Forwarded-For: 203.0.113.7", "x-forwarded-for: 127.0.0.1", "X-Forwarded-Proto: https",
            "X-Forwarded-Host: other.example.com", "X-Real-IP: 203.0.113.7");

        Assert.Equal(_network.Outside.ToString(), request.Fields["X-Forwarded-For"]);
        Assert.Equal(_network.Outside.ToString(), request.Fields["X-Real-IP"]);
        Assert.Equal("http", request.Fields["X-Forwarded-Proto"]);
        Assert.Equal("a.example.com", request.Fields["X-Forwarded-Host"]);
    }

    [Fact]
    public async Task A_client_on_this_machine_that_uses_its_outer_address_is_not_believed_either()
    {
        var finished = await Curl.Run(Arguments("X-Forwarded-For: 203.0.113.7"));

        Assert.Equal(0, finished.ExitCode);
        Assert.Equal(_network.Inside.ToString(), Assert.Single(_upstream.Requests).Fields["X-Forwarded-For"]);
    }

    [Fact]
    public async Task A_datagram_from_an_address_that_is_not_loopback_changes_nothing()
    {
        using var socket = new ControlSocket(_hotcore.ControlAddress, from: _network.Inside);

        await socket.Send(Encoding.ASCII.GetBytes("add outside.example.com 8080"));

        // No reply, or a refusal; datagrams are read in order, so `list` comes after it.
        var reply = await socket.Receive(TimeSpan.FromMilliseconds(500));
        Assert.True(reply == null || reply.StartsWith("error "), reply);
        Assert.Equal([("a.example.com", _upstream.Port)], await _hotcore.List());
    }

    private async Task<ReceivedRequest> Forward(params string[] fields)
    {
        var finished = await _network.Run(["curl", "--silent", "--show-error", .. Arguments(fields)]);
        Assert.True(finished.ExitCode == 0, finished.Error);
        return Assert.Single(_upstream.Requests);
    }

    private string[] Arguments(params string[] fields) =>
    [
        $"http://{_network.Inside}:{_hotcore.Http.Port}/", "--header", "Host: a.example.com",
        .. fields.SelectMany(field => new[] { "--header", field }),
    ];
}

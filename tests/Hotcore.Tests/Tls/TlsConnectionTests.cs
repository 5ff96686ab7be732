using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Hotcore.Certificates;
using Hotcore.Loops;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Tls;

public sealed class TlsConnectionTests : IDisposable
{
    private readonly RunningLoop _loop = new();

    public void Dispose() => _loop.Dispose();

    [Fact]
    public async Task A_certificate_that_is_missing_after_the_news_of_it_is_not_waited_for_again()
    {
        var asked = 0;
        // Says for ever that it comes, as far as this test can see; and that there is news, at once.
        var context = new TlsContext(
            (_, _) => ++asked < 1000 ? ServerNameChoice.Wait : ServerNameChoice.Unknown,
            (_, whenSettled) => whenSettled(),
            TimeProvider.System);
        var (connection, peer) = Connect(context);
        var handshake = _loop.Start(() => connection.HandshakeAsync(10_000, 10_000));

        await using (var client = new SslStream(new NetworkStream(peer, ownsSocket: true)))
        {
            var refused = await Assert.ThrowsAsync<AuthenticationException>(
                () => client.AuthenticateAsClientAsync("a.com"));
            Assert.Contains("unrecognized name", refused.ToString(), StringComparison.Ordinal);
        }

        Assert.False(await handshake.WaitAsync(RunningLoop.Limit));
        Assert.Equal(2, asked);
        _loop.Do(connection.Close);
    }

    [Fact]
    public async Task A_client_may_change_its_keys()
    {
        var (connection, client) = await ShakeHandsAsync();
        using (client)
        {
            for (var change = 0; change < 200; change++) client.ChangeKeys();
            client.Send("hello");
            Assert.Equal("hello", await _loop.Start(() => ReceiveAsync(connection)).WaitAsync(RunningLoop.Limit));
        }
        _loop.Do(connection.Close);
    }

    [Fact]
    public async Task A_client_that_changes_its_keys_without_end_is_cut_off()
    {
        var (connection, client) = await ShakeHandsAsync();
        using (client)
        {
            var received = _loop.Start(() => ReceiveAsync(connection));
            // More than the buffers of both ends hold, so that the client notices.
            Assert.Throws<IOException>(() =>
            {
                for (var change = 0; change < 1_000_000; change++) client.ChangeKeys();
            });
            Assert.Equal("failed", await received.WaitAsync(RunningLoop.Limit));
        }
    }

    private async Task<(TlsConnection Connection, KeyChangingClient Client)> ShakeHandsAsync()
    {
        Assert.True(DomainName.TryParse("a.com", out var domain, out _));
        var made = new TestAuthority().Make(domain, DateTimeOffset.UtcNow.AddDays(-1), TimeSpan.FromDays(9));
        var certificate = new TlsCertificate(made.ChainDer, made.KeyDer);
        var context = new TlsContext((_, _) => ServerNameChoice.Of(certificate), (_, _) => { }, TimeProvider.System);
        var (connection, peer) = Connect(context);
        var handshake = _loop.Start(() => connection.HandshakeAsync(60_000, 60_000));
        var client = new KeyChangingClient(peer, "a.com");
        Assert.True(await handshake.WaitAsync(RunningLoop.Limit));
        return (connection, client);
    }

    /// <summary>What comes first; a connection that fails is closed.</summary>
    private static async LoopTask<string> ReceiveAsync(TlsConnection connection)
    {
        var buffer = new byte[100];
        while (true)
        {
            var received = connection.TryReceive(buffer);
            if (received > 0) return Encoding.ASCII.GetString(buffer, 0, received);
            if (received == Connection.WouldBlock && await connection.Readable.WaitAsync(60_000) == WaitResult.Ready) continue;
            connection.Close();
            return "failed";
        }
    }

    private (TlsConnection Connection, Socket Peer) Connect(TlsContext context)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        var connection = _loop.Ask(() => new TlsConnection(
            _loop.Events, TcpConnector.ConnectToLoopback(port, overIPv6: false, out _), context));
        return (connection, listener.Accept());
    }
}

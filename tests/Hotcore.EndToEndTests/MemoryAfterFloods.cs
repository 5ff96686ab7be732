using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>What a flood needed is given back after it. Loads the machine.</summary>
[Collection(nameof(Alone))]
public class MemoryAfterFloods(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Handshakes_that_were_begun_by_thousands_leave_little_behind()
    {
        await Hotcore.Add("flooded.localhost", 8080);
        await using (await Hotcore.ConnectTls("flooded.localhost"))
        {
            // The certificate is there, and what a first handshake needs for good.
        }
        var hello = ClientHello.For("flooded.localhost");
        var before = Memory.RssBytes(Hotcore.ProcessId);

        var clients = new List<Socket>();
        for (var i = 0; i < 3_000; i++)
        {
            var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Wait.Limit.TotalMilliseconds };
            clients.Add(client);
            await client.ConnectAsync(Hotcore.Https);
            client.Send(hello);
            Assert.Equal(1, client.Receive(new byte[1]));
        }
        var grown = Memory.RssBytes(Hotcore.ProcessId) - before;
        clients.ForEach(client => client.Dispose());

        Assert.InRange(grown, 40 * Memory.MiB, 400 * Memory.MiB);
        await Wait.Until(
            () => Memory.RssBytes(Hotcore.ProcessId) - before < grown / 2, "the memory of a flood", TimeSpan.FromSeconds(90));
        Assert.Equal("kcehc", await Hotcore.Control("check"));
    }
}

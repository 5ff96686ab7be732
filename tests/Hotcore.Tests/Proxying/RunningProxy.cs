using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Loops;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Proxying;

/// <summary>A proxy on a free port, with a.com mapped to a port of the test's.</summary>
internal sealed class RunningProxy : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MappingTable _mappings;

    public RunningProxy(int upstreamPort, int loops = 1, long goingAwayMilliseconds = Timeouts.GoingAway)
    {
        _mappings = MappingTable.Open(_folder.Path, TimeProvider.System, Reports.Write);
        Assert.True(DomainName.TryParse("a.com", out var domain, out _));
        Assert.True(_mappings.AddAsync(domain, upstreamPort).Wait(RunningLoop.Limit));
        Proxy = new Proxy(new Router(_mappings, null, new HttpsUpgrade(null)), loops, Reports.Write, goingAwayMilliseconds);
        Address = Proxy.Listen(new IPEndPoint(IPAddress.Loopback, 0));
    }

    public Proxy Proxy { get; }

    public IPEndPoint Address { get; }

    public LogLines Reports { get; } = new();

    public Socket Connect()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        (client.ReceiveTimeout, client.SendTimeout) = ((int)RunningLoop.Limit.TotalMilliseconds, (int)RunningLoop.Limit.TotalMilliseconds);
        client.Connect(Address);
        return client;
    }

    /// <summary>Sends a request on a connection that is closed after the answer, which is returned whole.</summary>
    public string Ask(string request)
    {
        using var client = Connect();
        client.Send(Encoding.Latin1.GetBytes(request));
        var (answer, piece) = (new StringBuilder(), new byte[10_000]);
        while (client.Receive(piece) is > 0 and var count)
            answer.Append(Encoding.Latin1.GetString(piece, 0, count));
        return answer.ToString();
    }

    /// <summary>Asks something on a loop's thread.</summary>
    public T On<T>(int loop, Func<T> question)
    {
        T answer = default!;
        using var done = new ManualResetEventSlim();
        Proxy.Loops[loop].Events.Post(() =>
        {
            answer = question();
            done.Set();
        });
        Assert.True(done.Wait(RunningLoop.Limit));
        return answer;
    }

    public void Dispose()
    {
        Proxy.Dispose();
        _mappings.Dispose();
        _folder.Dispose();
    }
}

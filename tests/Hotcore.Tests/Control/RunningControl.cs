using System.Net;
using System.Net.Sockets;
using System.Text;
using Hotcore.Logs;
using Hotcore.Mappings;

namespace Hotcore.Control;

/// <summary>A control server on a free port, with a folder and a log of its own.</summary>
internal sealed class RunningControl : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <param name="writeAndFlush">The disk, where the real one is not wanted.</param>
    /// <param name="ownPort">A port that the proxy listens on.</param>
    /// <param name="answerPatience">How long changes may take that are under way when it stops, where the usual is too short.</param>
    public RunningControl(WriteAndFlush? writeAndFlush = null, int ownPort = 0, TimeSpan? answerPatience = null)
    {
        Mappings = MappingTable.Open(_folder.Path, TimeProvider.System, Log.Write, writeAndFlush);
        var facts = new StatusFacts("1.2.3", IsLocal: true, _folder.Path, _folder["hotcore.log"]);
        var ports = new ListeningPorts(TimeProvider.System, Log.Write);
        var status = new StatusReport(facts, () => Mappings.Snapshot, ports, TimeProvider.System);
        Server = new ControlServer(
            ControlSocket.Open(0, Log.Write),
            Mappings,
            status,
            "1.2.3",
            port => port == ownPort,
            domain => Renew(domain),
            TimeProvider.System,
            Log.Write,
            answerPatience);
    }

    /// <summary>What becomes of a wish for a new certificate: null, or why not.</summary>
    public Func<DomainName, string?> Renew { get; set; } = _ => null;

    public LogLines Log { get; } = new();

    public MappingTable Mappings { get; }

    public ControlServer Server { get; }

    public int Port => Server.EndPoints[0].Port;

    /// <summary>A socket that talks to the server and gives up after many seconds.</summary>
    public Socket Connect(IPAddress? address = null)
    {
        var target = new IPEndPoint(address ?? IPAddress.Loopback, Port);
        var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 20_000 };
        socket.Connect(target);
        return socket;
    }

    public string Ask(string message) => Ask(Encoding.UTF8.GetBytes(message));

    public string Ask(byte[] datagram)
    {
        using var socket = Connect();
        socket.Send(datagram);
        return Receive(socket);
    }

    public static string Receive(Socket socket)
    {
        var reply = new byte[ushort.MaxValue];
        return Encoding.UTF8.GetString(reply, 0, socket.Receive(reply));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Mappings.Dispose();
        _folder.Dispose();
    }
}

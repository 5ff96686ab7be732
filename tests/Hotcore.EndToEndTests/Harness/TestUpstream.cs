using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// The app behind hotcore: a raw TCP server that records every byte it received, and answers with literal bytes.
/// While it is closed its port stays reserved (bound, not listening), so connecting is refused and no other test
/// gets the port.
/// </summary>
public sealed class TestUpstream : IAsyncDisposable
{
    private readonly Func<UpstreamConnection, Task>? _serve;
    private readonly IPAddress _address;
    private readonly ConcurrentQueue<UpstreamConnection> _connections = new();
    private readonly Channel<UpstreamConnection> _accepted = Channel.CreateUnbounded<UpstreamConnection>();
    private readonly ConcurrentQueue<ReceivedRequest> _requests = new();
    private readonly ConcurrentQueue<string> _malformed = new();
    private Socket _listener;

    private TestUpstream(Func<UpstreamConnection, Task>? serve, IPAddress address)
    {
        _serve = serve;
        _address = address;
        _listener = Bind(0);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
    }

    public int Port { get; }

    /// <summary>Every connection that was accepted, in order.</summary>
    public IReadOnlyList<UpstreamConnection> Connections => [.. _connections];

    /// <summary>Every request that was read whole, in order.</summary>
    public IReadOnlyList<ReceivedRequest> Requests => [.. _requests];

    /// <summary>The method and target of every request that was read whole.</summary>
    public IEnumerable<string> RequestLines => Requests.Select(request => $"{request.Method} {request.Target}");

    /// <summary>What came that no HTTP/1.1 server may be sent.</summary>
    public IReadOnlyList<string> Malformed => [.. _malformed];

    /// <summary>Every byte of every connection.</summary>
    public string Received => string.Concat(Connections.Select(connection => connection.Received));

    /// <summary>An upstream that the test drives itself, connection by connection (<see cref="Accept"/>).</summary>
    public static TestUpstream Scripted(IPAddress? address = null) => Open(null, address);

    /// <summary>An upstream that serves each connection with a function of the test.</summary>
    public static TestUpstream Serving(Func<UpstreamConnection, Task> serve, IPAddress? address = null) =>
        Open(serve, address);

    /// <summary>An upstream that answers each whole request with the literal bytes that a function returns.</summary>
    public static TestUpstream Answering(Func<ReceivedRequest, string> answer, IPAddress? address = null) =>
        Open(AnswerEach(answer), address);

    /// <summary>An upstream that answers 200 with the request's method, target and body.</summary>
    public static TestUpstream Repeating(IPAddress? address = null) => Open(AnswerEach(Repeat), address);

    /// <summary>The same, its port refusing until <see cref="Listen"/>.</summary>
    public static TestUpstream RepeatingLater(IPAddress? address = null) =>
        new(AnswerEach(Repeat), address ?? IPAddress.Loopback);

    /// <summary>
    /// An upstream that grants each upgrade and then sends back what it receives; other requests as Repeating.
    /// </summary>
    public static TestUpstream Echoing() => Open(
        async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                await connection.Send(request.WantsUpgrade ? Answers.SwitchingProtocols : Repeat(request));
                if (request.WantsUpgrade)
                    await connection.Echo();
            }
        },
        null);

    public static string Repeat(ReceivedRequest request) =>
        Answers.Ok($"{request.Method} {request.Target} {request.Text}".TrimEnd());

    /// <summary>The next connection that hotcore makes.</summary>
    public Task<UpstreamConnection> Accept() =>
        Wait.For(_accepted.Reader.ReadAsync().AsTask(), "a connection at the upstream");

    /// <summary>Opens the port.</summary>
    public void Listen()
    {
        _listener.Listen(512);
        _ = AcceptAll(_listener);
    }

    /// <summary>Closes the port, so that connecting is refused; connections that are open stay.</summary>
    public void Refuse()
    {
        _listener.Dispose();
        _listener = Bind(Port);
    }

    /// <summary>Closes the port and resets all connections, as an app that is killed does.</summary>
    public void Crash()
    {
        Refuse();
        foreach (var connection in Connections)
            connection.Reset();
    }

    public void Note(ReceivedRequest request) => _requests.Enqueue(request);

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var connection in _connections)
            connection.Dispose();
        return ValueTask.CompletedTask;
    }

    private static TestUpstream Open(Func<UpstreamConnection, Task>? serve, IPAddress? address)
    {
        var upstream = new TestUpstream(serve, address ?? IPAddress.Loopback);
        upstream.Listen();
        return upstream;
    }

    private static Func<UpstreamConnection, Task> AnswerEach(Func<ReceivedRequest, string> answer) =>
        async connection =>
        {
            while (await connection.ReadRequest() is { } request)
                await connection.Send(answer(request));
        };

    private Socket Bind(int port)
    {
        var socket = new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (_address.AddressFamily == AddressFamily.InterNetworkV6)
            socket.DualMode = false;
        // So that the port can be had again while connections of before linger.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(_address, port));
        return socket;
    }

    private async Task AcceptAll(Socket listener)
    {
        try
        {
            for (; ; )
            {
                var socket = await listener.AcceptAsync();
                socket.NoDelay = true;
                var connection = new UpstreamConnection(this, socket);
                _connections.Enqueue(connection);
                _accepted.Writer.TryWrite(connection);
                if (_serve != null)
                    _ = Task.Run(() => Serve(connection));
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The port was closed on purpose.
        }
    }

    private async Task Serve(UpstreamConnection connection)
    {
        try
        {
            await _serve!(connection);
        }
        catch (MalformedMessageException malformed)
        {
            _malformed.Enqueue($"{malformed.Message} in {WireReader.Shown(connection.Received)}");
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException or TruncatedMessageException)
        {
            // Either side went away: what the tests are about, not a failure of this one.
        }
        connection.Close();
    }
}

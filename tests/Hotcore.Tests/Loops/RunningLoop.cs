using System.Net;
using System.Net.Sockets;

namespace Hotcore.Loops;

/// <summary>An event loop on a thread of its own, for one test.</summary>
internal sealed class RunningLoop : IDisposable
{
    /// <summary>For what happens at once unless something is broken.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Thread _thread;

    public RunningLoop()
    {
        Events = new EventLoop(Reports.Write);
        _thread = new Thread(Events.Run) { IsBackground = true };
        _thread.Start();
    }

    public EventLoop Events { get; }

    public LogLines Reports { get; } = new();

    /// <summary>Does something on the loop and waits until it is done.</summary>
    public void Do(Action action) => Ask(() =>
    {
        action();
        return 0;
    });

    /// <summary>Asks something on the loop and waits for the answer.</summary>
    public T Ask<T>(Func<T> question) => Start(() => new LoopTask<T>(question())).WaitAsync(Limit).GetAwaiter().GetResult();

    /// <summary>Starts a method on the loop; its outcome is the task's.</summary>
    public Task<T> Start<T>(Func<LoopTask<T>> method)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Events.Post(() => PassResultAsync(method, done).RunDetached(fault => done.SetException(fault)));
        return done.Task;
    }

    /// <summary>A connection of the loop, and the socket at its other end.</summary>
    public (Connection Connection, Socket Peer) Connect(int? peerReceiveBytes = null)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (peerReceiveBytes is { } bytes)
            listener.ReceiveBufferSize = bytes;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        var connection = Ask(() => new Connection(Events, TcpConnector.ConnectToLoopback(port, overIPv6: false, out _)));
        var peer = listener.Accept();
        peer.NoDelay = true;
        (peer.ReceiveTimeout, peer.SendTimeout) = ((int)Limit.TotalMilliseconds, (int)Limit.TotalMilliseconds);
        return (connection, peer);
    }

    public void Dispose()
    {
        Events.Stop();
        _thread.Join();
        Events.Dispose();
    }

    private static async LoopTask PassResultAsync<T>(Func<LoopTask<T>> method, TaskCompletionSource<T> done) =>
        done.SetResult(await method());
}

using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>Opens connections to one app's port, for one loop: to 127.0.0.1, or to ::1 where that refuses.</summary>
internal sealed class UpstreamConnector(int port, PortState state, ProxyLoop owner, EventLoop loop)
{
    /// <summary>
    /// A connection, the caller's own; null when nothing answers at the port. One that <paramref name="isInDoubt"/> is watched for
    /// a moment: what accepts and closes (docker's proxy, a socket whose service is being started) refuses in its way.
    /// </summary>
    public async LoopTask<Connection?> OpenAsync(bool isInDoubt)
    {
        var connection = await ConnectAsync();
        if (connection is not null && isInDoubt && await ClosesUnsentAsync(connection))
        {
            connection.Close();
            connection = null;
        }

        if (connection is null)
            state.NoteFailure();
        else
            state.NoteSignOfLife(loop.NowMilliseconds);
        return connection;
    }

    /// <summary>
    /// Each time 127.0.0.1 first: what answers at ::1 may be another program, whose turn comes only while the first is not there.
    /// </summary>
    private async LoopTask<Connection?> ConnectAsync()
    {
        var (connection, isRefused) = await ConnectAsync(overIPv6: false);
        return isRefused ? (await ConnectAsync(overIPv6: true)).Connection : connection;
    }

    private async LoopTask<(Connection? Connection, bool IsRefused)> ConnectAsync(bool overIPv6)
    {
        var fd = TcpConnector.ConnectToLoopback(port, overIPv6, out var isConnected);
        if (fd is -Libc.EMFILE or -Libc.ENFILE && owner.FreeDescriptors())
            fd = TcpConnector.ConnectToLoopback(port, overIPv6, out isConnected);
        if (fd < 0)
            return (null, fd == -Libc.ECONNREFUSED);
        var connection = new Connection(loop, fd);
        if (isConnected)
            return (connection, false);
        connection.Writable.IsSet = false; // The edge that says otherwise comes when it has connected, or failed.
        var error = await connection.Writable.WaitAsync(Timeouts.Connect) == WaitResult.Ready ? connection.TakeConnectError() : -1;
        if (error == 0)
            return (connection, false);
        connection.Close();
        return (null, error == Libc.ECONNREFUSED);
    }

    private static async LoopTask<bool> ClosesUnsentAsync(Connection connection)
    {
        connection.Readable.IsSet = false;
        await connection.Readable.WaitAsync(Timeouts.Watch);
        return connection.PeerHasFinished;
    }
}

using Hotcore.Loops;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>
/// Opens connections to one app's port, for one loop: to 127.0.0.1, or to ::1 where that refuses; over TLS where the app speaks
/// nothing else.
/// </summary>
internal sealed class UpstreamConnector(int port, PortState state, ProxyLoop owner, EventLoop loop)
{
    /// <summary>
    /// A connection, the caller's own; null when nothing answers at the port. One that <paramref name="isInDoubt"/> is watched for
    /// a moment: what accepts and closes (docker's proxy, a socket whose service is being started) refuses in its way.
    /// </summary>
    public async LoopTask<Connection?> OpenAsync(bool isInDoubt, bool isHttp2)
    {
        // An app that accepts and shakes no hands may be booting, or speak plain HTTP by now, which its answer tells.
        var connection = state.SpeaksTls ? await OpenTlsAsync(isHttp2) : null;
        connection ??= await OpenPlainAsync(isInDoubt || state.SpeaksTls);
        if (connection is null)
            state.NoteFailure();
        else
            state.NoteSignOfLife(loop.NowMilliseconds);
        return connection;
    }

    /// <summary>A connection over TLS, the caller's own; null when the app does not shake hands.</summary>
    public async LoopTask<Connection?> OpenTlsAsync(bool isHttp2)
    {
        if (TlsClientContext.For(isHttp2) is not { } context || await ConnectAsync(context) is not TlsConnection connection)
            return null;
        if (await connection.HandshakeAsync(Timeouts.UpstreamHandshake, Timeouts.None))
            return connection;
        connection.Close();
        return null;
    }

    private async LoopTask<Connection?> OpenPlainAsync(bool isInDoubt)
    {
        var connection = await ConnectAsync(tls: null);
        if (connection is null || !isInDoubt || !await ClosesUnsentAsync(connection))
            return connection;
        connection.Close();
        return null;
    }

    /// <summary>
    /// Each time 127.0.0.1 first: what answers at ::1 may be another program, whose turn comes only while the first is not there.
    /// </summary>
    private async LoopTask<Connection?> ConnectAsync(TlsClientContext? tls)
    {
        var (connection, isRefused) = await ConnectAsync(tls, overIPv6: false);
        return isRefused ? (await ConnectAsync(tls, overIPv6: true)).Connection : connection;
    }

    private async LoopTask<(Connection? Connection, bool IsRefused)> ConnectAsync(TlsClientContext? tls, bool overIPv6)
    {
        var fd = TcpConnector.ConnectToLoopback(port, overIPv6, out var isConnected);
        if (fd is -Libc.EMFILE or -Libc.ENFILE && owner.FreeDescriptors())
            fd = TcpConnector.ConnectToLoopback(port, overIPv6, out isConnected);
        if (fd < 0)
            return (null, fd == -Libc.ECONNREFUSED);
        var connection = tls is null ? new Connection(loop, fd) : new TlsConnection(loop, fd, tls);
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
        return connection.PeerHasFinished && connection.TryPeek() is 0 or Connection.Failed; // And said nothing.
    }
}

using Hotcore.Loops;
using Hotcore.Tls;

namespace Hotcore.Proxying;

/// <summary>What came of opening a connection to an app's port.</summary>
/// <param name="Connection">The caller's own; null when there is none.</param>
/// <param name="LetInAt">The moment by which it stands in the port's <see cref="AcceptQueue"/>.</param>
/// <param name="IsRefused">Nothing listens there.</param>
/// <param name="IsSilent">Something listens, and let all the time pass that it had.</param>
internal readonly record struct OpenResult(
    Connection? Connection, long LetInAt = 0, bool IsRefused = false, bool IsSilent = false);

/// <summary>
/// Opens connections to one app's port, for one loop: to 127.0.0.1, or to ::1 where that refuses; over TLS where the app speaks
/// nothing else. While one waits to be let in, idle ones make room for it.
/// </summary>
internal sealed class UpstreamConnector(int port, PortState state, ProxyLoop owner, EventLoop loop)
{
    /// <summary>
    /// A connection, if anything answers at the port. One that <paramref name="isInDoubt"/> is watched for a moment: what accepts and
    /// closes (docker's proxy, a socket whose service is being started) refuses in its way.
    /// </summary>
    public async LoopTask<OpenResult> OpenAsync(bool isInDoubt, bool isHttp2)
    {
        var patience = isInDoubt ? Timeouts.UpstreamHandshake : Timeouts.KnownUpstreamHandshake;
        var opened = state.SpeaksTls ? await OpenTlsAsync(isHttp2, patience) : default;
        // An app that accepts and shakes no hands may be booting, or speak plain HTTP by now, which its answer tells. One that says
        // nothing is busy, unless something happened to it.
        if (opened.Connection is null && (isInDoubt || !opened.IsSilent))
            opened = await OpenPlainAsync(isInDoubt || state.SpeaksTls);
        if (opened.Connection is null)
            state.NoteFailure(opened.IsRefused);
        else
            state.NoteSignOfLife(loop.NowMilliseconds);
        return opened;
    }

    /// <summary>A connection over TLS, if the app shakes hands within so many milliseconds.</summary>
    public async LoopTask<OpenResult> OpenTlsAsync(bool isHttp2, long handshakeMilliseconds)
    {
        if (TlsClientContext.For(isHttp2) is not { } context)
            return default;
        var opened = await ConnectAsync(context);
        if (opened.Connection is not TlsConnection connection)
            return opened;
        var wait = new AcceptWait(state, loop);
        wait.Begin(opened.LetInAt);
        var until = loop.NowMilliseconds + handshakeMilliseconds;
        var isDone = await connection.HandshakeAsync(handshakeMilliseconds, Timeouts.None);
        wait.End();
        if (isDone)
        {
            state.Queue.NoteAccepted(opened.LetInAt);
            return opened;
        }

        connection.Close();
        return new OpenResult(null, IsSilent: loop.NowMilliseconds >= until);
    }

    private async LoopTask<OpenResult> OpenPlainAsync(bool isInDoubt)
    {
        var opened = await ConnectAsync(tls: null);
        if (opened.Connection is not { } connection || !isInDoubt || !await ClosesUnsentAsync(connection))
            return opened;
        connection.Close();
        return default;
    }

    /// <summary>
    /// Each time 127.0.0.1 first: what answers at ::1 may be another program, whose turn comes only while the first is not there.
    /// </summary>
    private async LoopTask<OpenResult> ConnectAsync(TlsClientContext? tls)
    {
        var opened = await ConnectAsync(tls, overIPv6: false);
        return opened.IsRefused ? await ConnectAsync(tls, overIPv6: true) : opened;
    }

    private async LoopTask<OpenResult> ConnectAsync(TlsClientContext? tls, bool overIPv6)
    {
        var opened = await KnockAsync(tls, overIPv6, Timeouts.Starving);
        if (!opened.IsSilent)
            return opened;
        state.Queue.BeginWait();
        try
        {
            return await KnockAgainAsync(tls, overIPv6);
        }
        finally
        {
            state.Queue.EndWait();
        }
    }

    /// <summary>
    /// Knocks anew while the app's queue is full: the kernel would let a second pass before it tries again, then two, then four.
    /// </summary>
    private async LoopTask<OpenResult> KnockAgainAsync(TlsClientContext? tls, bool overIPv6)
    {
        var until = loop.NowMilliseconds + Timeouts.Connect;
        for (var patience = Timeouts.Starving; ; patience = Math.Min(patience + Timeouts.Starving / 2, Timeouts.BetweenReliefs))
        {
            state.Relieve(loop.NowMilliseconds, loop.NowMilliseconds);
            var opened = await KnockAsync(tls, overIPv6, patience);
            if (!opened.IsSilent || loop.NowMilliseconds >= until)
                return opened;
        }
    }

    private async LoopTask<OpenResult> KnockAsync(TlsClientContext? tls, bool overIPv6, long milliseconds)
    {
        var fd = TcpConnector.ConnectToLoopback(port, overIPv6, out var isConnected);
        if (fd is -Libc.EMFILE or -Libc.ENFILE && owner.FreeDescriptors())
            fd = TcpConnector.ConnectToLoopback(port, overIPv6, out isConnected);
        if (fd < 0)
            return new OpenResult(null, IsRefused: fd == -Libc.ECONNREFUSED);
        var connection = tls is null ? new Connection(loop, fd) : new TlsConnection(loop, fd, tls);
        if (isConnected)
            return new OpenResult(connection, loop.NowMilliseconds);
        connection.Writable.IsSet = false; // The edge that says otherwise comes when it has connected, or failed.
        var result = await connection.Writable.WaitAsync(milliseconds);
        var error = result == WaitResult.Ready ? connection.TakeConnectError() : -1;
        if (error == 0)
            return new OpenResult(connection, loop.NowMilliseconds);
        connection.Close();
        return new OpenResult(null, IsRefused: error == Libc.ECONNREFUSED, IsSilent: result == WaitResult.TimedOut);
    }

    private static async LoopTask<bool> ClosesUnsentAsync(Connection connection)
    {
        connection.Readable.IsSet = false;
        await connection.Readable.WaitAsync(Timeouts.Watch);
        return connection.PeerHasFinished && connection.TryPeek() is 0 or Connection.Failed; // And said nothing.
    }
}

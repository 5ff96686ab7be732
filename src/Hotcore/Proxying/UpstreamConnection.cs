using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// One connection to an app's port, kept alive between requests. Owns its <see cref="Connection"/> and buffers; while idle it
/// belongs to its <see cref="UpstreamPort"/>, otherwise to the exchange that took it.
/// </summary>
internal sealed class UpstreamConnection
{
    public UpstreamConnection(UpstreamPort port, Connection connection)
    {
        Port = port;
        Connection = connection;
        Input = new ReceiveBuffer(connection.Loop.Buffers);
        Output = new SendBuffer(connection.Loop.Buffers);
        IdleNode = new LinkedListNode<UpstreamConnection>(this);
        // An idle upstream has nothing to say but goodbye; anything else would be taken for the next client's answer.
        connection.WhenUnawaitedInput = CloseIfIdle;
    }

    public UpstreamPort Port { get; }

    public Connection Connection { get; }

    public ReceiveBuffer Input { get; }

    public SendBuffer Output { get; }

    /// <summary>Its place among the idle ones of its port.</summary>
    public LinkedListNode<UpstreamConnection> IdleNode { get; }

    /// <summary>When it became idle, on the loop's clock.</summary>
    public long IdleSince { get; set; }

    /// <summary>The loop's round in which it became idle.</summary>
    public uint IdleSinceRound { get; set; }

    public bool IsIdle => IdleNode.List is not null;

    /// <summary>Closes and gives the buffers back. Safe to repeat.</summary>
    public void Close()
    {
        Port.Forget(this);
        Connection.Close();
        Input.Release();
        Output.Release();
    }

    private void CloseIfIdle()
    {
        if (IsIdle)
            Close();
    }
}

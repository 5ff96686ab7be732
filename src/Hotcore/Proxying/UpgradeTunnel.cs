using Hotcore.Loops;

namespace Hotcore.Proxying;

/// <summary>
/// A connection that left HTTP behind (RFC 9110 7.8): bytes pass both ways, untouched and unhurried, for as long as both ends
/// live. When one end finishes sending, that is passed on and the other direction goes on.
/// </summary>
internal static class UpgradeTunnel
{
    private const int BytesPerTurn = 512 * 1024;

    /// <summary>Runs until both directions have ended; both connections can only be closed then.</summary>
    public static async LoopTask RunAsync(ClientConnection client, UpstreamConnection upstream)
    {
        var upward = PassAsync(client.Connection, client.Input, upstream.Connection, upstream.Output);
        await PassAsync(upstream.Connection, upstream.Input, client.Connection, client.Output);
        await upward;
    }

    /// <summary>Passes one direction: what is gathered in <paramref name="output"/> first, then all that is received.</summary>
    private static async LoopTask PassAsync(Connection from, ReceiveBuffer input, Connection to, SendBuffer output)
    {
        var turn = 0;
        var isOpen = await output.FlushAsync(to, -1);
        while (isOpen)
        {
            if (!input.IsEmpty)
            {
                turn += input.Length;
                isOpen = await to.SendAsync(input.UnreadMemory, -1);
                input.Consume(input.Length);
                continue;
            }

            if (turn >= BytesPerTurn)
            {
                turn = 0;
                await from.Loop.YieldAsync();
            }

            var received = input.FillFrom(from);
            if (received > 0)
                continue;
            input.ReleaseIfEmpty();
            if (received == 0)
            {
                to.FinishSending();
                return;
            }

            isOpen = received == Connection.WouldBlock && await from.Readable.WaitAsync(-1) == WaitResult.Ready;
        }

        // Broken: there is no other way to tell the end that is still there.
        from.Abort();
        to.Abort();
    }
}

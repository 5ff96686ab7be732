using System.Net.Sockets;

namespace Hotcore.Handover;

/// <summary>
/// The hotcore that ran before, as its successor sees it. From <see cref="AskAsync"/> to <see cref="ReleaseAsync"/> both accept
/// clients; whichever of them ends in between, the other goes on.
/// </summary>
internal sealed class Predecessor : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HandoverLink _link;

    private Predecessor(HandoverLink link, Estate estate) => (_link, Estate) = (link, estate);

    public Estate Estate { get; }

    public int ProcessId => _link.ProcessId;

    /// <summary>
    /// Asks the hotcore that listens at <paramref name="path"/> to hand over. When this returns it has let go of its files.
    /// </summary>
    /// <exception cref="StartFailure">There is none, or it does not.</exception>
    public static async Task<Predecessor> AskAsync(string path)
    {
        HandoverLink? link = null;
        try
        {
            link = HandoverLink.Connect(path);
            link.Send(SuccessorListener.TakeOver);
            return new Predecessor(link, await Estate.ReceiveAsync(link, Patience));
        }
        catch (Exception failure) when (failure is SocketException or IOException or ArgumentException)
        {
            link?.Dispose();
            throw new StartFailure($"there is no hotcore to take over from at {path}: {failure.Message}", failure);
        }
    }

    /// <summary>Says that this process serves. When this returns the predecessor accepts no more.</summary>
    /// <exception cref="StartFailure">It is not there any more, or has given up waiting.</exception>
    public async Task ReleaseAsync()
    {
        try
        {
            _link.Send(SuccessorListener.Serving);
            await _link.ReceiveAsync(Patience);
        }
        catch (IOException failure)
        {
            throw new StartFailure($"the hotcore before does not let go: {failure.Message}", failure);
        }
    }

    public void Dispose() => _link.Dispose();
}

using System.Net.Sockets;

namespace Hotcore.Handover;

/// <summary>
/// The hotcore that ran before, as its successor sees it. From <see cref="AskAsync"/> to <see cref="ReleaseAsync"/> both accept
/// clients; whichever of them ends in between, the other goes on.
/// </summary>
internal sealed class Predecessor : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SignOfLifePause = TimeSpan.FromSeconds(1);

    private readonly HandoverLink _link;
    private readonly Timer _signsOfLife;

    private Predecessor(HandoverLink link, Estate estate)
    {
        (_link, Estate) = (link, estate);
        _signsOfLife = new Timer(_ => SayLoading(), null, SignOfLifePause, SignOfLifePause);
    }

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
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            link?.Dispose();
            throw new StartFailure($"there is no hotcore to take over from at {path}: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// Says that this process serves. When this returns the predecessor accepts no more, or has ended: this process has what it
    /// needs, and the lock of the folder, so it goes on by itself.
    /// </summary>
    public async Task ReleaseAsync(Action<string> log)
    {
        await _signsOfLife.DisposeAsync();
        try
        {
            _link.Send(SuccessorListener.Serving);
            await _link.ReceiveTextAsync(Patience);
            log($"took over from process {ProcessId}, which finishes what it has");
        }
        catch (IOException failure)
        {
            log($"took over from process {ProcessId}, which did not see the end of it: {failure.Message}");
        }
    }

    public void Dispose()
    {
        _signsOfLife.Dispose();
        _link.Dispose();
    }

    private void SayLoading()
    {
        try
        {
            _link.Send(SuccessorListener.Loading);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException)
        {
            _signsOfLife.Dispose(); // Nobody listens, which whoever waits for an answer finds out.
        }
    }
}

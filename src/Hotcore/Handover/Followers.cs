using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Hotcore.Mappings;

namespace Hotcore.Handover;

/// <summary>
/// Processes that finish what they have, and have to know by which mappings: each change is told to them before it is
/// acknowledged. Of one thread at a time; owns its ends of the links.
/// </summary>
internal sealed class Followers : IDisposable
{
    private const int LinesPerMessage = 100;
    private const string Taken = "taken";

    // Of one that is busy; one that hangs has nobody left to mislead.
    private static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(1);

    private readonly List<HandoverLink> _links;
    private readonly Action<string> _log;
    private readonly TimeSpan _patience;

    /// <param name="sockets">Of the links to them; from now on this object's own.</param>
    /// <param name="log">Takes a line for each that is given up.</param>
    /// <param name="patience">How long one may take over a message; a second by default.</param>
    public Followers(IEnumerable<Socket> sockets, Action<string> log, TimeSpan? patience = null) =>
        (_links, _log, _patience) = ([.. sockets.Select(socket => new HandoverLink(socket))], log, patience ?? UsualPatience);

    /// <summary>For whoever tells them next.</summary>
    public IReadOnlyList<Socket> Sockets => [.. _links.Select(link => link.Socket)];

    /// <summary>Returns when all that still live have taken the changes.</summary>
    public void Tell(IReadOnlyList<MappingChange> changes)
    {
        if (_links.Count == 0) return;
        foreach (var some in changes.Chunk(LinesPerMessage))
        {
            var lines = new ArrayBufferWriter<byte>();
            foreach (var change in some) MappingLine.Write(lines, change);
            var message = Encoding.ASCII.GetString(lines.WrittenSpan);
            Try(link => link.Send(message));
            Try(link => link.ReceiveText(_patience));
        }
    }

    public void Dispose()
    {
        foreach (var link in _links) link.Dispose();
    }

    /// <summary>The other side: takes changes from <paramref name="link"/> until there are no more to come. Blocks, and owns the link.</summary>
    public static void Follow(HandoverLink link, Action<IReadOnlyList<MappingChange>> take)
    {
        try
        {
            while (true)
            {
                take([.. Read(link.ReceiveText(Timeout.InfiniteTimeSpan))]);
                link.Send(Taken);
            }
        }
        catch (IOException)
        {
            link.Dispose(); // The process that tells has ended, and no other has taken its place.
        }
    }

    private static IEnumerable<MappingChange> Read(string lines)
    {
        foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (MappingLine.TryParse(Encoding.ASCII.GetBytes(line), out var change)) yield return change;
        }
    }

    private void Try(Action<HandoverLink> action)
    {
        foreach (var link in _links.ToArray())
        {
            try
            {
                action(link);
            }
            catch (IOException failure)
            {
                _links.Remove(link);
                link.Dispose();
                // One that has ended has finished its work.
                if (failure is not EndOfStreamException)
                    _log($"a process that finishes its work is told of no more changes: {failure.Message}");
            }
        }
    }
}

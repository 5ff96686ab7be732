using System.Collections.Concurrent;

namespace Hotcore;

/// <summary>Keeps what is logged.</summary>
internal sealed class LogLines
{
    private readonly ConcurrentQueue<string> _lines = [];

    public IReadOnlyCollection<string> All => _lines;

    public void Write(string line) => _lines.Enqueue(line);
}

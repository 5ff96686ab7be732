using System.Threading.Channels;

namespace Hotcore.Logs;

/// <summary>
/// Shows the log's lines on standard error as well. Whoever reads that may be slow, or not read at all: lines are dropped
/// then, so that neither the log file nor the stop ever waits for it.
/// </summary>
internal sealed class LogEcho
{
    private const int MaxWaitingLines = 1024;
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(200);

    private readonly TextWriter _writer;
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(
        new BoundedChannelOptions(MaxWaitingLines) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Task _writing;

    public LogEcho(TextWriter writer)
    {
        _writer = writer;
        _writing = Task.Factory.StartNew(WriteLines, TaskCreationOptions.LongRunning);
    }

    /// <summary>Adds a line, its end included. Never blocks.</summary>
    public void Write(string line) => _lines.Writer.TryWrite(line); // Dropped when full: the file has the line.

    /// <summary>Writes what waits, as long as that takes no more than a moment.</summary>
    public Task CompleteAsync()
    {
        _lines.Writer.TryComplete();
        return Task.WhenAny(_writing, Task.Delay(StopPatience));
    }

    private void WriteLines()
    {
        try
        {
            while (_lines.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_lines.Reader.TryRead(out var line)) _writer.Write(line);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Whoever read standard error has gone, or it was never open.
            _lines.Writer.TryComplete();
        }
    }
}

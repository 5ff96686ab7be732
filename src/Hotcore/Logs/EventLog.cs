using System.Globalization;
using System.Text;
using System.Threading.Channels;

namespace Hotcore.Logs;

/// <summary>
/// The log: lines with the time in front (RFC 3339, UTC), in a handful of files of bounded size. Anyone may write,
/// from any thread; a task of its own does the waiting for the disk.
/// </summary>
internal sealed class EventLog : IAsyncDisposable
{
    private const int MaxWaitingLines = 8192;
    private const int MaxLineLength = 4096;
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _clock;
    private readonly LogFiles _files;
    private readonly LogEcho? _echo;
    private readonly Channel<Line> _lines;
    private readonly Task _writing;
    private bool _isLetGo;
    private long _dropped;

    /// <param name="path">The newest file; older ones get a number behind it.</param>
    /// <param name="clock">Tells the time of each line.</param>
    /// <param name="echo">Where every line is shown as well (standard error in the foreground), or null.</param>
    /// <param name="maxFileBytes">The size at which a new file is begun.</param>
    public EventLog(
        string path, TimeProvider clock, TextWriter? echo = null, long maxFileBytes = LogFiles.DefaultMaxBytes)
    {
        _clock = clock;
        _echo = echo is null ? null : new LogEcho(echo);
        _files = new LogFiles(path, maxFileBytes);
        _lines = Channel.CreateBounded<Line>(new BoundedChannelOptions(MaxWaitingLines) { SingleReader = true });
        _writing = Task.Run(WriteLinesAsync);
    }

    public string Path => _files.Path;

    /// <summary>
    /// Adds a line. Never blocks and never throws: when lines come faster than the disk takes them some are dropped,
    /// and the log says how many. Control characters are escaped, so that one call makes one line.
    /// </summary>
    public void Write(string line)
    {
        if (!_lines.Writer.TryWrite(new Line(_clock.GetUtcNow(), line))) Interlocked.Increment(ref _dropped);
    }

    /// <summary>
    /// Writes what waits and closes the file: from then on another process may write it, and lines are only shown, until
    /// <see cref="TakeBack"/>. Completes when the file is closed.
    /// </summary>
    public async Task LetGoAsync()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _lines.Writer.WriteAsync(new Line(_clock.GetUtcNow(), "") { LetsGo = closed });
        await closed.Task;
    }

    /// <summary>Lines go into the file again.</summary>
    public void TakeBack() => Volatile.Write(ref _isLetGo, false);

    /// <summary>Writes what waits, as long as that takes no more than a few seconds, and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_lines.Writer.TryComplete()) return;
        await Task.WhenAny(_writing, Task.Delay(StopPatience));
        if (_echo is not null) await _echo.CompleteAsync();
    }

    /// <summary>The text with control characters, and what else disguises a line, made visible.</summary>
    internal static string Escape(string text)
    {
        var shown = text.AsSpan(0, Math.Min(text.Length, MaxLineLength));
        var harmless = 0;
        while (harmless < shown.Length && !IsUnsafe(shown[harmless])) harmless++;
        if (harmless == text.Length) return text;
        var escaped = new StringBuilder(shown.Length + 16).Append(shown[..harmless]);
        foreach (var character in shown[harmless..])
        {
            if (IsUnsafe(character)) escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            else escaped.Append(character);
        }
        return text.Length > shown.Length ? escaped.Append('…').ToString() : escaped.ToString();
    }

    private static bool IsUnsafe(char character) =>
        character is (< ' ' or > '~')
        && char.GetUnicodeCategory(character) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.Surrogate or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private async Task WriteLinesAsync()
    {
        while (await _lines.Reader.WaitToReadAsync())
        {
            while (_lines.Reader.TryRead(out var line)) Take(line);
            var dropped = Interlocked.Exchange(ref _dropped, 0);
            if (dropped > 0)
                Put(_clock.GetUtcNow(), $"{dropped} lines were dropped here: they came faster than the disk took them");
            _files.Flush();
        }
        _files.Dispose();
    }

    private void Take(Line line)
    {
        if (line.LetsGo is null)
        {
            Put(line.At, line.Text);
            return;
        }
        _files.Dispose();
        Volatile.Write(ref _isLetGo, true);
        line.LetsGo.SetResult();
    }

    private void Put(DateTimeOffset at, string text)
    {
        var time = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var line = $"{time} {Escape(text)}\n";
        if (!Volatile.Read(ref _isLetGo)) _files.Append(line);
        _echo?.Write(line);
    }

    private readonly record struct Line(DateTimeOffset At, string Text)
    {
        /// <summary>Not a line, but the order to close the file; completed when that is done.</summary>
        public TaskCompletionSource? LetsGo { get; init; }
    }
}

using Hotcore.Loops;
using Xunit;

namespace Hotcore.Logs;

public sealed class EventLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Lines_have_their_time_and_are_there_once_the_log_is_closed()
    {
        var echo = new SignallingWriter();
        await using (var log = new EventLog(_folder["hotcore.log"], _clock, echo))
        {
            log.Write("one");
            _clock.Advance(TimeSpan.FromMilliseconds(1500));
            log.Write("two");
        }
        await echo.UntilWritten(2);
        const string expected = "2026-11-22T08:00:00.000Z one\n2026-11-22T08:00:01.500Z two\n";
        Assert.Equal(expected, File.ReadAllText(_folder["hotcore.log"]));
        Assert.Equal(expected, echo.ToString());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["hotcore.log"]));
    }

    [Fact]
    public async Task One_that_let_go_of_its_file_only_shows_lines_until_it_takes_it_back()
    {
        var echo = new SignallingWriter();
        var path = _folder["hotcore.log"];
        await using (var log = new EventLog(path, _clock, echo))
        {
            log.Write("before");
            await log.LetGoAsync();
            await using (var other = new EventLog(path, _clock)) other.Write("of another");
            log.Write("meanwhile");
            await log.LetGoAsync();
            log.TakeBack();
            log.Write("after");
        }
        await echo.UntilWritten(3);
        Assert.Equal(["before", "of another", "after"], File.ReadAllLines(path).Select(line => line[25..]));
        Assert.Equal(["before", "meanwhile", "after"], echo.ToString().Trim().Split('\n').Select(line => line[25..]));
    }

    [Theory]
    [InlineData("plain → text, ü", "plain → text, ü")]
    [InlineData("a\nb\r\u001b[31m\0", "a\\u000ab\\u000d\\u001b[31m\\u0000")]
    [InlineData("a\u202eb\u2028\u0085", "a\\u202eb\\u2028\\u0085")]
    public void One_call_makes_one_harmless_line(string text, string expected) =>
        Assert.Equal(expected, EventLog.Escape(text));

    [Fact]
    public void A_line_is_cut_at_some_length() =>
        Assert.InRange(EventLog.Escape(new string('a', 1_000_000)).Length, 4000, 5000);

    [Fact]
    public async Task Files_are_few_and_of_bounded_size()
    {
        var path = _folder["hotcore.log"];
        await using (var log = new EventLog(path, _clock, maxFileBytes: 1000))
        {
            for (var i = 0; i < 500; i++) log.Write($"line {i}");
        }
        string[] files = [.. Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal)];
        Assert.Equal([path, path + ".1", path + ".2", path + ".3", path + ".4"], files);
        Assert.All(files, file => Assert.InRange(new FileInfo(file).Length, 1, 1000));
        Assert.EndsWith("line 499\n", File.ReadAllText(path), StringComparison.Ordinal);
        string[] lines = [.. files.Reverse().SelectMany(File.ReadAllLines)];
        Assert.Equal(
            Enumerable.Range(500 - lines.Length, lines.Length).Select(i => $"line {i}"),
            lines.Select(line => line[25..]));
    }

    [Fact]
    public async Task A_disk_that_fails_stops_nobody_and_is_confessed_once_it_works()
    {
        var path = System.IO.Path.Combine(_folder["later"], "hotcore.log");
        var echo = new SignallingWriter();
        await using (var log = new EventLog(path, _clock, echo))
        {
            log.Write("lost");
            await echo.UntilWritten(1);
            Directory.CreateDirectory(_folder["later"]);
            log.Write("kept");
        }
        var lines = File.ReadAllLines(path);
        Assert.Equal(["(at least 1 lines are missing here: the disk failed)", "2026-11-22T08:00:00.000Z kept"], lines);
    }

    [Fact]
    public async Task A_flood_of_lines_is_written_or_owned_up_to_although_nobody_reads_the_echo()
    {
        using var proceed = new ManualResetEventSlim();
        const int flood = 200_000;
        await using (var log = new EventLog(_folder["hotcore.log"], _clock, new BlockingWriter(proceed)))
        {
            for (var i = 0; i < flood; i++) log.Write("line");
        }
        proceed.Set();
        var lines = File.ReadAllLines(_folder["hotcore.log"]);
        string[] confessions = [.. lines.Where(line => line.Contains("dropped", StringComparison.Ordinal))];
        Assert.Equal(flood, lines.Length - confessions.Length + confessions.Sum(line => int.Parse(line.Split(' ')[1])));
    }

    private sealed class SignallingWriter : StringWriter
    {
        private readonly SemaphoreSlim _written = new(0);

        public override void Write(string? value)
        {
            base.Write(value);
            _written.Release();
        }

        /// <summary>Waits for so many more lines. The log does so for a moment only, and leaves them to be written after its end.</summary>
        public async Task UntilWritten(int lines)
        {
            for (var i = 0; i < lines; i++) Assert.True(await _written.WaitAsync(RunningLoop.Limit));
        }
    }

    private sealed class BlockingWriter(ManualResetEventSlim proceed) : StringWriter
    {
        public override void Write(string? value) => proceed.Wait();
    }
}

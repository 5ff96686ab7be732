using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// A program that a test runs: its output line by line, its signals, and its end by its own process id.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    public const int Interrupt = 2;
    public const int Terminate = 15;

    private const int TextFileBusy = 26; // errno(3)

    /// <summary>What is still running: ended with the tests, however these end.</summary>
    private static readonly ConcurrentDictionary<int, ChildProcess> Running = new();

    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder _error = new();
    private readonly Task _reading;

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var child in Running.Values)
            child.EndNow();
    };

    private ChildProcess(Process process)
    {
        _process = process;
        Running[process.Id] = this;
        _reading = Task.WhenAll(ReadOutput(), ReadError());
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>All that the process wrote to standard error so far.</summary>
    public string Error
    {
        get
        {
            lock (_error)
                return _error.ToString();
        }
    }

    /// <summary>Starts a program; one that is not installed is an exception that says how to get it.</summary>
    /// <param name="program">Its name or path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables beside the tests' own.</param>
    /// <param name="keepsInput">
    /// Whether its standard input stays open for as long as these tests run: a program that ends with its input ends with
    /// the tests, even if these are killed.
    /// </param>
    public static ChildProcess Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        bool keepsInput = false)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        var process = Start(start);
        if (!keepsInput)
            process.StandardInput.Close();
        return new ChildProcess(process);
    }

    /// <summary>The next line of standard output; null once there is none left.</summary>
    public async Task<string?> ReadLine()
    {
        try
        {
            return await Wait.For(_lines.Reader.ReadAsync().AsTask(), $"a line from {_process.ProcessName}");
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    /// <summary>What is left of standard output, once the process has ended.</summary>
    public async Task<string> ReadToEnd(TimeSpan? limit = null)
    {
        var text = new StringBuilder();
        await Wait.For(_reading, "the end of a process's output", limit);
        while (_lines.Reader.TryRead(out var line))
            text.Append(line).Append('\n');
        return text.ToString();
    }

    public void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0)
            throw new InvalidOperationException($"signal {signal} could not be sent to process {_process.Id}");
    }

    /// <summary>Ends the process as `kill -9` does, and waits until it is gone.</summary>
    public async Task Kill()
    {
        EndNow();
        await WaitForExit();
    }

    public async Task<int> WaitForExit(TimeSpan? limit = null)
    {
        await Wait.For(_process.WaitForExitAsync(), "the end of a process", limit);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await Kill();
        Running.TryRemove(_process.Id, out _);
        _process.Dispose();
    }

    /// <summary>Gives a program something to read that kept its input.</summary>
    public Task Write(string text) => _process.StandardInput.WriteAsync(text);

    /// <summary>Ends the input of a program that kept it.</summary>
    public void CloseInput() => _process.StandardInput.Close();

    private static Process Start(ProcessStartInfo start)
    {
        for (var started = Stopwatch.StartNew(); ; Thread.Sleep(20))
        {
            try
            {
                return Process.Start(start)!;
            }
            catch (Win32Exception busy) when (busy.NativeErrorCode == TextFileBusy && started.Elapsed < Wait.Limit)
            {
                // Written a moment ago, and a process that another thread starts has it open until it becomes its program.
            }
            catch (Win32Exception notFound) when (notFound.NativeErrorCode != TextFileBusy)
            {
                throw new InvalidOperationException(
                    $"this test needs {start.FileName}, which this machine has not: sudo scripts/install-test-needs.sh", notFound);
            }
        }
    }

    private void EndNow()
    {
        if (!_process.HasExited)
            _process.Kill();
    }

    private async Task ReadOutput()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _lines.Writer.TryWrite(line);
        _lines.Writer.Complete();
    }

    private async Task ReadError()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_error)
                _error.Append(line).Append('\n');
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int processId, int signal);
}

/// <summary>What a finished program left: its exit status and what it printed.</summary>
public sealed record Finished(int ExitCode, string Output, string Error)
{
    public string All => Output + Error;

    public static async Task<Finished> Run(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        TimeSpan? limit = null)
    {
        await using var process = ChildProcess.Start(program, arguments, environment);
        var exitCode = await process.WaitForExit(limit ?? TimeSpan.FromSeconds(60));
        return new Finished(exitCode, await process.ReadToEnd(), process.Error);
    }
}

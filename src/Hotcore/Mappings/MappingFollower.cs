using System.Threading.Channels;

namespace Hotcore.Mappings;

/// <summary>Follows a file of mappings that another process writes: reads it whenever it changes, a few times a second at most.</summary>
internal sealed class MappingFollower : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly string _path;
    private readonly Action<MappingSnapshot> _take;
    private readonly Action<string> _log;
    private readonly FileSystemWatcher _watcher;
    private readonly Channel<bool> _changes =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <param name="path">The file.</param>
    /// <param name="take">Takes what it holds; one call at a time, on the thread pool.</param>
    /// <param name="log">Takes why it could not be read.</param>
    /// <exception cref="IOException">The system watches no more files.</exception>
    public MappingFollower(string path, Action<MappingSnapshot> take, Action<string> log)
    {
        (_path, _take, _log) = (path, take, log);
        _watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path))
        {
            NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size,
        };
        _watcher.Changed += (_, _) => _changes.Writer.TryWrite(true);
        _watcher.Created += (_, _) => _changes.Writer.TryWrite(true);
        _watcher.Renamed += (_, _) => _changes.Writer.TryWrite(true);
        _watcher.EnableRaisingEvents = true;
        // It may have changed before it was watched.
        _changes.Writer.TryWrite(true);
        _ = Task.Run(FollowAsync);
    }

    public void Dispose()
    {
        _changes.Writer.TryComplete();
        _watcher.Dispose();
    }

    private async Task FollowAsync()
    {
        while (await _changes.Reader.WaitToReadAsync())
        {
            _changes.Reader.TryRead(out _);
            ReadFile();
            await Task.Delay(Pause);
        }
    }

    private void ReadFile()
    {
        try
        {
            using FileStream stream = File.OpenRead(_path);
            var reader = MappingFileReader.Read(stream);
            if (!reader.IsDamaged) _take(MappingSnapshot.Create(reader.Mappings));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Every change brings another try.
            _log($"cannot follow {_path}: {failure.Message}");
        }
    }
}

using System.Buffers;

namespace Hotcore.Mappings;

/// <summary>
/// The live mappings. Readers take <see cref="Snapshot"/>, from any thread, without a lock; changes go through one
/// committing thread, and those that arrive while it writes share the next write and its one flush.
/// </summary>
internal sealed class MappingTable : IDisposable
{
    // Some megabytes at most; a queue this long means that the disk hangs.
    private const int MaxWaiting = 20_000;

    private readonly Func<MappingPreview?, MappingFile> _open;
    private readonly TimeProvider _clock;
    private readonly Action<string> _log;
    private readonly Thread _committer;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _arrived = new(initialState: false);
    private MappingFile _file;
    private List<WaitingChange> _waiting = [];
    private TaskCompletionSource? _lettingGo;
    private bool _isStopping;
    private volatile MappingSnapshot _snapshot;

    private MappingTable(Func<MappingPreview?, MappingFile> open, MappingPreview? preview, TimeProvider clock, Action<string> log)
    {
        _open = open;
        _file = open(preview);
        _clock = clock;
        _log = log;
        _snapshot = _file.Loaded;
        _committer = new Thread(CommitUntilStopped) { Name = "mappings", IsBackground = true };
        _committer.Start();
    }

    /// <summary>Told of changes once they are durable and in the snapshot, before they are acknowledged. Must be quick.</summary>
    public Action<IReadOnlyList<MappingChange>>? WhenChanged { get; set; }

    /// <summary>All mappings as of the last commit. Every access may see a newer one: take it once a request.</summary>
    public MappingSnapshot Snapshot => _snapshot;

    /// <summary>
    /// Loads the mappings of a folder, which exists and is the caller's alone; faster where a preview of the file holds most of it.
    /// </summary>
    /// <exception cref="IOException">The folder cannot be written to, or the file not be read at all.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise, for want of rights.</exception>
    public static MappingTable Open(
        string folder, TimeProvider clock, Action<string> log, WriteAndFlush? writeAndFlush = null, MappingPreview? preview = null) =>
        new(known => MappingFile.Open(folder, clock, log, writeAndFlush, known), preview, clock, log);

    /// <summary>
    /// Maps a domain, or maps it anew. Completes when that is durable and <see cref="Snapshot"/> shows it; fails
    /// with an <see cref="IOException"/>, and nothing changed, when it cannot be stored. Of any thread; never blocks.
    /// </summary>
    public Task AddAsync(DomainName domain, int port) => Enqueue(new WaitingChange(domain, port));

    /// <summary>Unmaps a domain; one that is not mapped is fine. Ends as <see cref="AddAsync"/> does.</summary>
    public Task RemoveAsync(DomainName domain) => Enqueue(new WaitingChange(domain, Port: null));

    /// <summary>
    /// Commits what waits and closes the file: from then on another process may write it. Readers keep the last snapshot,
    /// changes wait for <see cref="TakeBack"/>. Completes when the file is closed.
    /// </summary>
    public Task LetGoAsync()
    {
        lock (_gate)
        {
            _lettingGo ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _arrived.Set();
            return _lettingGo.Task;
        }
    }

    /// <summary>
    /// Opens the file again, once <see cref="LetGoAsync"/> has completed: what it holds by now is in force, and then what waited.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read or written; it is still let go of.</exception>
    public void TakeBack()
    {
        lock (_gate)
        {
            if (_lettingGo is null) return;
            if (!_lettingGo.Task.IsCompleted) throw new InvalidOperationException("the file is not let go of yet");
            _file = _open(null);
            _snapshot = _file.Loaded;
            _lettingGo = null;
            _arrived.Set();
        }
    }

    /// <summary>
    /// After <see cref="LetGoAsync"/>: has <see cref="Snapshot"/> show what another process has committed.
    /// </summary>
    public void Follow(IReadOnlyList<MappingChange> changes)
    {
        lock (_gate)
        {
            if (_lettingGo is { Task.IsCompleted: true }) _snapshot = _snapshot.With(changes);
        }
    }

    /// <summary>Commits what waits, then stops. Changes that come later fail.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isStopping) return;
            _isStopping = true;
        }
        _arrived.Set();
        _committer.Join();
        _file.Dispose();
        _arrived.Dispose();
    }

    private Task Enqueue(WaitingChange change)
    {
        lock (_gate)
        {
            if (_isStopping) return Task.FromException(new IOException("hotcore is stopping"));
            if (_waiting.Count >= MaxWaiting)
                return Task.FromException(new IOException("too many changes are waiting for the disk"));
            _waiting.Add(change);
            _arrived.Set();
        }
        return change.Done.Task;
    }

    private void CommitUntilStopped()
    {
        List<WaitingChange> batch = [];
        var isStopping = false;
        while (!isStopping)
        {
            _arrived.WaitOne();
            bool isLetGo;
            lock (_gate)
            {
                isLetGo = _lettingGo is { Task.IsCompleted: true };
                isStopping = _isStopping;
                if (isLetGo && !isStopping) continue;
                (batch, _waiting) = (_waiting, batch);
            }
            if (isLetGo) Fail(batch, new IOException("hotcore is stopping"));
            else Commit(batch);
            batch.Clear();
            LetGoIfAsked();
        }
    }

    private void LetGoIfAsked()
    {
        lock (_gate)
        {
            if (_lettingGo is null or { Task.IsCompleted: true }) return;
            // What came while the last batch was written is written first.
            if (_waiting.Count > 0)
            {
                _arrived.Set();
                return;
            }
            _file.Dispose();
            _lettingGo.SetResult();
        }
    }

    private static void Fail(List<WaitingChange> batch, IOException failure)
    {
        foreach (var change in batch) change.Done.TrySetException(failure);
    }

    private void Commit(List<WaitingChange> batch)
    {
        try
        {
            var before = _snapshot;
            var changes = Resolve(batch, before);
            if (changes.Count > 0)
            {
                var lines = new ArrayBufferWriter<byte>();
                foreach (var change in changes) MappingLine.Write(lines, change);
                var after = before.With(changes);
                _file.Append(lines.WrittenSpan, changes.Count, before);
                _snapshot = after;
                WhenChanged?.Invoke(changes);
            }
        }
        catch (Exception failure)
        {
            _log($"{batch.Count} changes could not be stored: {failure.Message}");
            Fail(batch, new IOException(failure.Message, failure));
            return;
        }
        foreach (var change in batch) change.Done.TrySetResult();
        Compact();
    }

    /// <summary>
    /// What a batch really changes. A domain that is mapped again to the same port is mapped anew, since requests wait for a
    /// port whose mapping is young; but a message repeated within the second costs no line.
    /// </summary>
    private List<MappingChange> Resolve(List<WaitingChange> batch, MappingSnapshot before)
    {
        var changes = new List<MappingChange>(batch.Count);
        var pending = new Dictionary<DomainName, Mapping?>(batch.Count);
        foreach (var change in batch)
        {
            if (!pending.TryGetValue(change.Domain, out var current)) current = before.Find(change.Domain);
            var next = change.Port is int port ? new Mapping(change.Domain, port, _clock.GetUtcNow()) : null;
            if (current?.Port == next?.Port && current?.MadeAt == next?.MadeAt) continue;
            pending[change.Domain] = next;
            changes.Add(new MappingChange(change.Domain, next));
        }
        return changes;
    }

    private void Compact()
    {
        try
        {
            _file.CompactIfWorthwhile(_snapshot);
        }
        catch (Exception failure)
        {
            _log($"cannot compact the mappings: {failure.Message}");
        }
    }

    /// <summary>A change that is not durable yet, and who waits for it. A null port unmaps.</summary>
    private sealed record WaitingChange(DomainName Domain, int? Port)
    {
        // Whoever waits goes on elsewhere: the committing thread has the next batch to write.
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

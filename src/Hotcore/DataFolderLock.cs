namespace Hotcore;

/// <summary>
/// The folder that belongs to one running hotcore, and the lock that says so. The kernel takes the lock back however the process
/// ends.
/// </summary>
internal sealed class DataFolderLock : IDisposable
{
    private const UnixFileMode OwnerOnlyFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnlyFile | UnixFileMode.UserExecute;
    private const int WouldBlock = 11;

    private readonly Paths _paths;
    private FileStream _lock;

    private DataFolderLock(Paths paths, FileStream @lock) => (_paths, _lock) = (paths, @lock);

    /// <summary>Makes it, unless it is there, and locks it.</summary>
    /// <exception cref="StartFailure">It cannot be used, or another hotcore runs in it.</exception>
    public static DataFolderLock Take(Paths paths)
    {
        try
        {
            Directory.CreateDirectory(paths.DataFolder, OwnerOnlyFolder);
            return new DataFolderLock(paths, Lock(paths));
        }
        catch (IOException failure) when (failure.HResult == WouldBlock)
        {
            throw new StartFailure(
                $"another hotcore runs with the data folder {paths.DataFolder}; stop it, or give this one --data", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartFailure($"the data folder {paths.DataFolder} cannot be used: {failure.Message}", failure);
        }
    }

    /// <summary>Unlocks it: from then on another process may lock it.</summary>
    public void LetGo() => _lock.Dispose();

    /// <summary>Locks it again.</summary>
    /// <exception cref="IOException">Another process has it.</exception>
    public void TakeBack() => _lock = Lock(_paths);

    public void Dispose() => _lock.Dispose();

    /// <summary>FileShare.None is a flock.</summary>
    private static FileStream Lock(Paths paths) => new(paths.Lock, new FileStreamOptions
    {
        Mode = FileMode.OpenOrCreate,
        Access = FileAccess.ReadWrite,
        Share = FileShare.None,
        UnixCreateMode = OwnerOnlyFile,
    });
}

using System.Globalization;
using System.Text;

namespace Hotcore.Logs;

/// <summary>
/// The log's files on disk: hotcore.log, and hotcore.log.1 (newer) to hotcore.log.4 (older). Of one thread. A disk that
/// fails loses lines and never throws; once it works again the log says how many.
/// </summary>
internal sealed class LogFiles(string path, long maxBytes) : IDisposable
{
    /// <summary>Five files of this size stay under 50 MB in all.</summary>
    public const long DefaultMaxBytes = 9_000_000;

    private const int OlderFiles = 4;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private FileStream? _file;
    private long _lost;

    public string Path { get; } = path;

    /// <summary>Adds a line, its end included; it is on its way to the disk after <see cref="Flush"/>.</summary>
    public void Append(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        try
        {
            _file ??= Open();
            if (_file.Length + bytes.Length > maxBytes && _file.Length > 0) Rotate();
            if (_lost > 0) WriteLoss();
            _file!.Write(bytes);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _lost++;
            Abandon();
        }
    }

    /// <summary>Hands what was appended to the system.</summary>
    public void Flush()
    {
        try
        {
            _file?.Flush();
        }
        catch (IOException)
        {
            _lost++;
            Abandon();
        }
    }

    /// <summary>Closes the file; the next line would open it again.</summary>
    public void Dispose()
    {
        Flush();
        Abandon();
    }

    private FileStream Open() => new(Path, new FileStreamOptions
    {
        Mode = FileMode.Append,
        Access = FileAccess.Write,
        Share = FileShare.Read | FileShare.Delete,
        UnixCreateMode = OwnerOnly,
    });

    private void Rotate()
    {
        _file!.Dispose();
        _file = null;
        for (var i = OlderFiles; i > 0; i--)
        {
            var newer = i == 1 ? Path : $"{Path}.{i - 1}";
            if (File.Exists(newer)) File.Move(newer, $"{Path}.{i}", overwrite: true);
        }
        _file = Open();
    }

    private void WriteLoss()
    {
        _file!.Write(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"(at least {_lost} lines are missing here: the disk failed)\n")));
        _lost = 0;
    }

    /// <summary>Lets go of the file; the next line tries to open it again.</summary>
    private void Abandon()
    {
        try
        {
            _file?.Dispose();
        }
        catch (IOException)
        {
            // Dispose flushes what is left in the buffer.
            _lost++;
        }
        _file = null;
    }
}

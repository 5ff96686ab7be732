namespace Hotcore.Certificates;

/// <summary>
/// Tells one content of a file from the next without reading it; the default is that of no file. The time of the last write is
/// not enough: a file that is moved here, or copied with its times, may have any.
/// </summary>
internal readonly record struct FileStamp(DateTime WrittenAt, DateTime CreatedAt, long Bytes)
{
    /// <summary>Of a file, or of the one that a link leads to. Blocks on the disk.</summary>
    public static FileStamp Of(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) return default;
        if ((file.Attributes & FileAttributes.ReparsePoint) != 0)
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        return file.Exists ? new FileStamp(file.LastWriteTimeUtc, file.CreationTimeUtc, file.Length) : default;
    }
}

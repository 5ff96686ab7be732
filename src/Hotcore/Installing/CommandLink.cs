using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// How users call hotcore: the link in their PATH, and beside it what shells and man know of it.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="source">The program that runs.</param>
/// <param name="texts">Completions and manual page: each one's path and text.</param>
internal sealed class CommandLink(MachineRoot machine, string source, IReadOnlyList<(string Path, string Text)> texts)
{
    private const string MadeFoldersPath = Paths.ProgramFolder + "/made-folders";

    private string Link => machine[Paths.Command];

    /// <summary>Makes it all. Returns whether something was missing.</summary>
    /// <exception cref="InstallFailure">Another program has the name.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public bool Make()
    {
        var isChanged = MakeLink();
        RememberMissingFolders();
        foreach (var (path, text) in texts) isChanged |= RootFile.Write(machine[path], text);
        return isChanged;
    }

    /// <summary>Takes it all away again. Returns whether there was something.</summary>
    public bool Remove()
    {
        var isOurs = new FileInfo(Link).LinkTarget == Paths.Program;
        if (isOurs) File.Delete(Link);
        foreach ((var path, _) in texts) isOurs |= RootFile.Remove(machine[path]);
        RemoveMadeFolders();
        return isOurs;
    }

    /// <summary>Before they are made, so that a kill in between leaves none that nobody takes away again.</summary>
    private void RememberMissingFolders()
    {
        var made = new SortedSet<string>(ReadMadeFolders(), StringComparer.Ordinal);
        foreach ((var path, _) in texts)
        {
            for (var folder = Path.GetDirectoryName(path)!; !Directory.Exists(machine[folder]); folder = Path.GetDirectoryName(folder)!)
                made.Add(folder);
        }
        if (made.Count > 0) RootFile.Write(machine[MadeFoldersPath], string.Join('\n', made));
    }

    private void RemoveMadeFolders()
    {
        // Those within others come after them.
        foreach (var folder in ReadMadeFolders().Reverse())
        {
            var path = machine[folder];
            if (Directory.Exists(path) && !Directory.EnumerateFileSystemEntries(path).Any()) Directory.Delete(path);
        }
    }

    private string[] ReadMadeFolders() =>
        RootFile.TryRead(machine[MadeFoldersPath])?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private bool MakeLink()
    {
        var link = new FileInfo(Link);
        if (link.LinkTarget == Paths.Program) return false;
        if (Directory.Exists(Link) || (File.Exists(Link) && link.LinkTarget is null && Link != source))
            throw new InstallFailure($"{Paths.Command} is another program; move it away, and repeat");
        RootFile.MakeFolder(Path.GetDirectoryName(Link)!);
        var beside = Link + RootFile.Beside;
        File.Delete(beside);
        File.CreateSymbolicLink(beside, Paths.Program);
        RootFile.Rename(beside, Link);
        return true;
    }
}

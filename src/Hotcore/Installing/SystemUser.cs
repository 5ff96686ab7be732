using System.Globalization;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>The system user <c>hotcore</c>, whom nobody logs in as, and the folder that belongs to it.</summary>
internal sealed class SystemUser(MachineRoot machine)
{
    private const int NoSuchEntry = 2; // getent(1)
    private const int FirstUidOfPeople = 1000;
    private const string Comment = "hotcore reverse proxy";

    // Others pass through it, to the program; what is in it is closed to them by its own rights.
    private const string FolderMode = "711";

    /// <summary>Makes the user and the folder, or puts right what is wrong with them. Returns what it changed.</summary>
    /// <exception cref="InstallFailure">The user is there, but is somebody.</exception>
    /// <exception cref="ProgramFailure">A program of the system failed.</exception>
    public IReadOnlyList<string> Ensure()
    {
        var changes = new List<string>();
        if (Find() is { } known) Check(known);
        else changes.Add(Create());
        if (EnsureFolder()) changes.Add($"made {Paths.ServiceFolder} its own");
        return changes;
    }

    /// <summary>Takes the user away, where it is the one that <see cref="Ensure"/> makes.</summary>
    public bool Remove()
    {
        if (Find() is not { } fields || fields[5] != Paths.ServiceFolder) return false;
        machine.Run("userdel", ServiceUser.Own);
        return true;
    }

    private string[]? Find()
    {
        var fields = machine.Ask(NoSuchEntry, "getent", "passwd", ServiceUser.Own)?.Trim().Split(':');
        return fields is null or { Length: 7 }
            ? fields
            : throw new InstallFailure($"getent passwd {ServiceUser.Own} answers what is no user: {string.Join(':', fields)}");
    }

    /// <summary>Keys of all domains are this user's to read; nobody may log in as it, and it may not be root.</summary>
    private static void Check(string[] fields)
    {
        var (uid, shell) = (fields[2], fields[6]);
        var isSystemUser = int.TryParse(uid, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is > 0 and < FirstUidOfPeople;
        var hasShell = Path.GetFileName(shell) is not ("nologin" or "false");
        if (isSystemUser && !hasShell) return;
        throw new InstallFailure(
            $"there is a user {ServiceUser.Own} already, whom hotcore cannot take: uid {uid}, shell {(shell.Length == 0 ? "/bin/sh" : shell)}. "
            + $"If it is of no use any more, remove it (sudo userdel {ServiceUser.Own}); else rename it "
            + $"(sudo usermod --login <new name> {ServiceUser.Own}); then repeat");
    }

    private string Create()
    {
        var hasGroup = machine.Ask(NoSuchEntry, "getent", "group", ServiceUser.Own) is not null;
        var shell = machine.FindProgram("nologin") is null ? "/bin/false" : "/usr/sbin/nologin";
        machine.Run("useradd",
        [
            "--system", .. hasGroup ? (string[])["--gid", ServiceUser.Own] : ["--user-group"], "--home-dir", Paths.ServiceFolder,
            "--no-create-home", "--shell", shell, "--comment", Comment, ServiceUser.Own,
        ]);
        return $"created the system user {ServiceUser.Own}";
    }

    private bool EnsureFolder()
    {
        var folder = machine[Paths.ServiceFolder];
        if (File.Exists(folder))
            throw new InstallFailure($"{Paths.ServiceFolder} is a file; move it away, and repeat");
        var isNew = !Directory.Exists(folder);
        if (isNew) Directory.CreateDirectory(folder);
        var strangers = FindWhatIsNotItsOwn(folder);
        var state = machine.Run("stat", "--dereference", "--format=%U %a", folder).Trim();
        if (!isNew && strangers.Length == 0 && state == $"{ServiceUser.Own} {FolderMode}") return false;
        // As a backup that was played back by root leaves it.
        if (strangers.Length > 0)
            machine.Run("chown", ["--recursive", "--no-dereference", $"{ServiceUser.Own}:", "--", .. strangers]);
        machine.Run("chown", $"{ServiceUser.Own}:", folder);
        machine.Run("chmod", FolderMode, folder);
        return true;
    }

    private string[] FindWhatIsNotItsOwn(string folder)
    {
        string[] entries =
            [.. Directory.GetFileSystemEntries(folder).Where(path => path != machine[Paths.ProgramFolder])];
        if (entries.Length == 0) return [];
        var owners = machine.Run("stat", ["--format=%U", "--", .. entries]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. entries.Where((_, i) => i >= owners.Length || owners[i] != ServiceUser.Own)];
    }
}

using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>The folders of local mode: the developer's own for what is kept, and root's for the program.</summary>
internal sealed class LocalFolders(MachineRoot machine, MachineUser developer, ServiceUser user)
{
    /// <summary>Makes what is missing. Returns what it changed.</summary>
    public IReadOnlyList<string> Ensure()
    {
        var changes = new List<string>();
        if (!Directory.Exists(machine[Paths.ServiceFolder]))
        {
            Directory.CreateDirectory(machine[Paths.ServiceFolder]);
            changes.Add($"made {Paths.ServiceFolder}");
        }
        var data = machine[user.DataFolder];
        if (!Directory.Exists(data))
        {
            // As the developer, so that it and the folders above it are not root's.
            developer.Run("mkdir", "-p", "-m", "700", "--", data);
            changes.Add($"made {user.DataFolder}");
        }
        return changes;
    }
}

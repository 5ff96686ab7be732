using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>What to install, and where.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Source">The program to install: the one that runs.</param>
/// <param name="Version">Its version.</param>
/// <param name="User">Whom the service runs as.</param>
/// <param name="Developer">The person of local mode; null for a server.</param>
/// <param name="Texts">Completions and manual page: each one's path and text.</param>
/// <param name="ControlPort">Where the service answers.</param>
internal sealed record InstallPlan(
    MachineRoot Machine,
    string Source,
    string Version,
    ServiceUser User,
    MachineUser? Developer,
    IReadOnlyList<(string Path, string Text)> Texts,
    int ControlPort);

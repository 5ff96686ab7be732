using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>
/// What the last install that ended well put in place: written when the new program had answered. What is there beyond that
/// was left by an install that ended in the middle.
/// </summary>
/// <param name="Version">The version number.</param>
/// <param name="Program">The hash of the program.</param>
/// <param name="Unit">The hash of the unit.</param>
internal sealed record Receipt(string Version, string Program, string Unit)
{
    private const string Path = Paths.ProgramFolder + "/installed";

    /// <summary>Reads it; null where there is none, or none that is whole.</summary>
    public static Receipt? Read(MachineRoot machine)
    {
        var lines = RootFile.TryRead(machine[Path])?.Split('\n') ?? [];
        return Find("version") is { } version && Find("program") is { } program && Find("unit") is { } unit
            ? new Receipt(version, program, unit)
            : null;

        string? Find(string key) =>
            lines.FirstOrDefault(line => line.StartsWith(key + " ", StringComparison.Ordinal))?[(key.Length + 1)..];
    }

    /// <exception cref="IOException">The disk refuses.</exception>
    public void Write(MachineRoot machine) =>
        RootFile.Write(machine[Path], $"version {Version}\nprogram {Program}\nunit {Unit}\n");
}

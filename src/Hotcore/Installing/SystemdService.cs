using System.Security.Cryptography;
using System.Text;
using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>hotcore's service, as systemctl has it, its unit, and the unit before, which is kept until the new one has proven itself.</summary>
internal sealed class SystemdService(MachineRoot machine)
{
    // What is in flight may take 30 s to finish, and 100,000 certificates some to load.
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(3);

    private const string CannotStart = "hotcore cannot start: ";

    private string Unit => machine[Paths.SystemdUnit];

    private string PreviousUnit => machine[$"{Paths.ProgramFolder}/{SystemdUnit.Name}.previous"];

    public string? ReadUnit() => RootFile.TryRead(Unit);

    /// <summary>Whether a process of the service runs, ready or about to be.</summary>
    public bool IsActive => Show("ActiveState") is "active" or "reloading" or "activating";

    public bool IsEnabled => Show("UnitFileState") == "enabled";

    public static string Hash(string unit) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(unit)));

    /// <summary>Replaces the unit, if it is another, and has systemd read it. Returns whether it was another.</summary>
    /// <exception cref="ProgramFailure">systemd refuses.</exception>
    public bool WriteUnit(string text)
    {
        if (ReadUnit() is { } old && old != text && Receipt.Read(machine)?.Unit == Hash(old))
            RootFile.Write(PreviousUnit, old);
        var isChanged = RootFile.Write(Unit, text);
        // An install may have been ended between the two.
        if (isChanged || Show("NeedDaemonReload") == "yes") machine.Run("systemctl", "daemon-reload");
        return isChanged;
    }

    /// <summary>Returns to the unit before, if there is one.</summary>
    public void RestoreUnit()
    {
        if (!File.Exists(PreviousUnit)) return;
        RootFile.Rename(PreviousUnit, Unit);
        machine.Run("systemctl", "daemon-reload");
    }

    public void ForgetPreviousUnit() => RootFile.Remove(PreviousUnit);

    /// <summary>Has it start with the machine.</summary>
    public void Enable() => machine.Run("systemctl", "enable", SystemdUnit.Name);

    /// <summary>Starts it anew, and returns when it says that it is ready.</summary>
    /// <exception cref="InstallFailure">It does not start; the message has its own words.</exception>
    public void Restart() => Control("restart");

    /// <summary>
    /// Has the process that runs replaced by one of the installed program, without a gap, and returns when that one serves.
    /// </summary>
    /// <exception cref="InstallFailure">It does not serve, and the one before goes on; the message has the new one's words.</exception>
    public void Reload() => Control("reload");

    /// <summary>Whether the process that runs has the program that is in its place now.</summary>
    public bool RunsInstalledProgram()
    {
        // Not by name: the file may have been replaced since, and put back.
        var executable = machine[$"/proc/{Show("MainPID")}/exe"];
        return InstalledProgram.Hash(executable) == InstalledProgram.Hash(machine[Paths.Program]);
    }

    /// <summary>Stops it, and has it no longer start with the machine.</summary>
    public void StopAndDisable()
    {
        machine.Run(StartPatience, "systemctl", "disable", "--now", SystemdUnit.Name);
        machine.Ask(1, "systemctl", "reset-failed", SystemdUnit.Name);
    }

    /// <summary>Takes the unit away. Returns whether there was one.</summary>
    public bool Remove()
    {
        if (!File.Exists(Unit)) return false;
        StopAndDisable();
        File.Delete(Unit);
        machine.Run("systemctl", "daemon-reload");
        return true;
    }

    private void Control(string verb)
    {
        var begun = DateTimeOffset.UtcNow;
        try
        {
            machine.Run(StartPatience, "systemctl", verb, SystemdUnit.Name);
        }
        catch (ProgramFailure failure)
        {
            throw new InstallFailure(FindReason(begun) ?? $"{failure.Message} (more: sudo journalctl -u hotcore)");
        }
    }

    private string Show(string property) =>
        machine.Run("systemctl", "show", "--property", property, "--value", SystemdUnit.Name).Trim();

    /// <summary>What the service itself said last of why it does not start, since a moment: an earlier failure had other reasons.</summary>
    private string? FindReason(DateTimeOffset since)
    {
        if (machine.FindProgram("journalctl") is null) return null;
        try
        {
            // The last words may still be on their way into the journal. An old systemd does not know how to wait for them.
            machine.Ask(1, "journalctl", "--sync");
            var said = machine.Run(
                "journalctl", "--unit", SystemdUnit.Name, "--since", $"@{since.ToUnixTimeSeconds()}", "--output", "cat", "--no-pager",
                "--quiet");
            string? line = said.Split('\n').LastOrDefault(line => line.StartsWith(CannotStart, StringComparison.Ordinal));
            return line is null ? null : $"it cannot start: {line[CannotStart.Length..].Trim()}";
        }
        catch (ProgramFailure)
        {
            // The journal is a help, and no more.
            return null;
        }
    }
}

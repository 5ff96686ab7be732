using System.Globalization;

namespace Hotcore.Machine;

/// <summary>
/// The person whose browsers and files are meant: who runs hotcore or, where that is root by sudo, who called sudo.
/// </summary>
/// <param name="Name">The user name.</param>
/// <param name="Home">The home folder, as the user knows it.</param>
/// <param name="SudoIds">The numbers of user and group when root acts for this user; null where the user acts.</param>
internal sealed record MachineUser(string Name, string Home, (uint User, uint Group)? SudoIds)
{
    private const int NoSuchEntry = 2; // getent(1)

    /// <param name="isPrivileged">Whether this process is root's.</param>
    /// <param name="environment">Reads an environment variable: SUDO_USER, HOME.</param>
    /// <exception cref="ProgramFailure">Who called sudo is not a user of this machine.</exception>
    public static MachineUser Find(bool isPrivileged, Func<string, string?> environment)
    {
        var name = FindName(isPrivileged, environment);
        if (HasSudoCaller(isPrivileged, environment)) return FindByName(name);
        var home = environment("HOME");
        if (string.IsNullOrEmpty(home)) home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return new MachineUser(name, home, SudoIds: null);
    }

    /// <summary>The name alone: of who called sudo, else of who runs this process.</summary>
    public static string FindName(bool isPrivileged, Func<string, string?> environment) =>
        HasSudoCaller(isPrivileged, environment) ? environment("SUDO_USER")! : Environment.UserName;

    /// <summary>
    /// The environment as the user has it: sudo passes its own. What the user set beyond that is not known there.
    /// </summary>
    public string? ReadEnvironment(string name, Func<string, string?> environment)
    {
        if (SudoIds is null) return environment(name);
        return name switch
        {
            "HOME" => Home,
            "PATH" or "SUDO_USER" => environment(name),
            "XDG_STATE_HOME" => Path.Combine(Home, ".local", "state"),
            _ => null,
        };
    }

    /// <summary>Runs a program as this user, so that what it writes is this user's. Blocks.</summary>
    /// <exception cref="ProgramFailure">It did not do its work.</exception>
    public string Run(string program, params IEnumerable<string> arguments)
    {
        if (SudoIds is not var (user, group)) return OutsideProgram.Run(program, arguments);
        string[] identity = [$"--reuid={user}", $"--regid={group}", "--init-groups", "--"];
        return OutsideProgram.Run("setpriv", [.. identity, "env", $"HOME={Home}", program, .. arguments]);
    }

    private static bool HasSudoCaller(bool isPrivileged, Func<string, string?> environment) =>
        isPrivileged && environment("SUDO_USER") is not (null or "" or "root");

    private static MachineUser FindByName(string name)
    {
        // Not the file of passwords: users may come from elsewhere.
        var fields = AskSystem(name).Trim().Split(':');
        if (fields.Length == 7
            && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var user)
            && uint.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var group))
            return new MachineUser(fields[0], fields[5], (user, group));
        throw NotKnown(name);
    }

    private static string AskSystem(string name)
    {
        try
        {
            return OutsideProgram.Run("getent", "passwd", name);
        }
        catch (ProgramFailure failure) when (failure.ExitCode == NoSuchEntry)
        {
            throw NotKnown(name);
        }
    }

    private static ProgramFailure NotKnown(string name) => new($"getent does not know who {name} is");
}

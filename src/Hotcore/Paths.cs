namespace Hotcore;

/// <summary>Where every file is.</summary>
/// <param name="DataFolder">The folder that belongs to one running hotcore. The file of mappings is in it.</param>
internal sealed record Paths(string DataFolder)
{
    /// <summary>The folder of the installed hotcore: what it keeps, and the folder of its program.</summary>
    public const string ServiceFolder = "/opt/hotcore";

    /// <summary>The folder of the installed program, root's own, and of what the installer remembers.</summary>
    public const string ProgramFolder = ServiceFolder + "/bin";

    /// <summary>The installed program.</summary>
    public const string Program = ProgramFolder + "/hotcore";

    /// <summary>The link by which users call it.</summary>
    public const string Command = "/usr/local/bin/hotcore";

    /// <summary>The systemd unit, which is there once hotcore is installed.</summary>
    public const string SystemdUnit = "/etc/systemd/system/hotcore.service";

    /// <summary>The newest log file; older ones have a number behind it.</summary>
    public string Log => Path.Combine(DataFolder, "hotcore.log");

    /// <summary>The certificates, their keys, and what is remembered about them.</summary>
    public string Certificates => Path.Combine(DataFolder, "certificates");

    /// <summary>Held open by the hotcore whose folder this is.</summary>
    public string Lock => Path.Combine(DataFolder, "lock");

    /// <summary>The socket at which a hotcore waits for its successor.</summary>
    public string Handover => Path.Combine(DataFolder, "handover");

    /// <summary>The folder of the CA for local mode.</summary>
    public string LocalAuthority => Path.Combine(DataFolder, "local-ca");

    /// <summary>The folder where none is given: that of the service or, in local mode, the user's own.</summary>
    /// <param name="isLocal">Whether hotcore is in local mode.</param>
    /// <param name="environment">Reads an environment variable.</param>
    public static Paths Default(bool isLocal, Func<string, string?> environment)
    {
        if (!isLocal) return new Paths(ServiceFolder);
        // The XDG base directory specification has relative paths ignored.
        var state = environment("XDG_STATE_HOME");
        if (!Path.IsPathRooted(state))
            state = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return new Paths(Path.Combine(state, "hotcore"));
    }
}

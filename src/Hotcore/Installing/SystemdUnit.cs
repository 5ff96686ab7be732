using System.Text;

namespace Hotcore.Installing;

/// <summary>The text of hotcore's systemd unit, for a server or for local mode.</summary>
internal static class SystemdUnit
{
    public const string Name = "hotcore.service";

    private const string LocalOption = " --local";

    /// <summary>The unit of whoever the service runs as.</summary>
    public static string Format(ServiceUser user)
    {
        var text = new StringBuilder(EmbeddedText.Read(Name));
        text.Replace("@SERVE_OPTIONS@", user.IsLocal ? LocalOption : "");
        text.Replace("@USER@", Escape(user.Name));
        text.Replace("@DATA_FOLDER@", Quote(user.DataFolder));
        // In local mode its folder is in a home, and so is mkcert's CA.
        text.Replace("@PROTECT_HOME@", user.IsLocal ? "read-only" : "yes");
        return text.ToString();
    }

    /// <summary>Whether a unit is one of local mode.</summary>
    public static bool IsLocal(string unit) =>
        unit.Split('\n').Any(line => line == $"ExecStart={Paths.Program} serve{LocalOption}");

    /// <summary>A path as a unit file takes it (systemd.syntax(7), systemd.unit(5)): % begins a specifier.</summary>
    private static string Quote(string path)
    {
        if (path.Any(char.IsControl))
            throw new InstallFailure($"the folder {path.ReplaceLineEndings(" ")} has a control character in its name");
        return $"\"{Escape(path).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }

    private static string Escape(string word) => word.Replace("%", "%%", StringComparison.Ordinal);
}

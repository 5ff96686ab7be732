using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>Whom the service runs as: a user of its own or, in local mode, the person who called sudo.</summary>
/// <param name="Name">The user name.</param>
/// <param name="DataFolder">Where its files are.</param>
/// <param name="IsLocal">Whether the service is in local mode.</param>
internal sealed record ServiceUser(string Name, string DataFolder, bool IsLocal)
{
    /// <summary>The name of a server's user, and of its group.</summary>
    public const string Own = "hotcore";

    /// <summary>The user of a server.</summary>
    public static ServiceUser OfServer { get; } = new(Own, Paths.ServiceFolder, IsLocal: false);

    /// <summary>The person who called sudo.</summary>
    /// <exception cref="InstallFailure">Nobody called sudo: root is no developer.</exception>
    public static ServiceUser OfLocalMode(MachineUser user, Func<string, string?> environment)
    {
        if (user.SudoIds is null)
        {
            throw new InstallFailure(
                "local mode runs as the person who calls sudo, and root was not called by sudo; as that person, run: "
                + "sudo hotcore install --local");
        }
        var paths = Paths.Default(isLocal: true, name => user.ReadEnvironment(name, environment));
        return new ServiceUser(user.Name, paths.DataFolder, IsLocal: true);
    }
}

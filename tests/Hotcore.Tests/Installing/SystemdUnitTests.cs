using Hotcore.Machine;
using Xunit;

namespace Hotcore.Installing;

public sealed class SystemdUnitTests
{
    [Fact]
    public void A_servers_unit_is_confined_to_its_folder()
    {
        var unit = SystemdUnit.Format(ServiceUser.OfServer);
        foreach (var line in (string[])
            ["ExecStart=/opt/hotcore/bin/hotcore serve", "User=hotcore", "ProtectHome=yes", "ReadWritePaths=\"/opt/hotcore\"",
                "ProtectSystem=strict", "LimitNOFILE=1048576", "Restart=always", "Type=notify"])
            Assert.Contains($"\n{line}\n", unit);
        Assert.DoesNotContain("@SERVE_OPTIONS@", unit);
        Assert.DoesNotMatch("@[A-Z_]+@", unit);
        Assert.False(SystemdUnit.IsLocal(unit));
    }

    [Fact]
    public void That_of_local_mode_is_the_developers()
    {
        var unit = SystemdUnit.Format(new ServiceUser("dev", "/home/dev/.local/state/hotcore", IsLocal: true));
        foreach (var line in (string[])
            ["ExecStart=/opt/hotcore/bin/hotcore serve --local", "User=dev", "ProtectHome=read-only",
                "ReadWritePaths=\"/home/dev/.local/state/hotcore\""])
            Assert.Contains($"\n{line}\n", unit);
        Assert.True(SystemdUnit.IsLocal(unit));
    }

    [Fact]
    public void A_home_with_a_name_that_means_something_to_systemd_is_written_so_that_it_does_not()
    {
        var unit = SystemdUnit.Format(new ServiceUser("dev", "/home/100% \"my\\own\"", IsLocal: true));
        Assert.Contains("ReadWritePaths=\"/home/100%% \\\"my\\\\own\\\"\"\n", unit);
        Assert.Throws<InstallFailure>(() => SystemdUnit.Format(new ServiceUser("dev", "/home/a\nUser=root", IsLocal: true)));
    }

    [Fact]
    public void Local_mode_needs_somebody_who_called_sudo()
    {
        var root = new MachineUser("root", "/root", SudoIds: null);
        Assert.Contains("sudo hotcore install --local",
            Assert.Throws<InstallFailure>(() => ServiceUser.OfLocalMode(root, _ => null)).Message);
        var developer = new MachineUser("dev", "/home/dev", (1000, 1000));
        Assert.Equal(
            new ServiceUser("dev", "/home/dev/.local/state/hotcore", IsLocal: true),
            ServiceUser.OfLocalMode(developer, _ => "/root"));
    }
}

namespace Hotcore.EndToEndTests;

/// <summary>What stands in the way of an install: each obstacle is named with what to do, and what ran before still runs.</summary>
[Collection(nameof(Machines))]
public class Obstacles : IAsyncLifetime
{
    private BootedDebian _debian = null!;

    public async ValueTask InitializeAsync() => _debian = await BootedDebian.Start();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _debian.DisposeAsync();
    }

    [Fact]
    public async Task No_root_no_systemd_and_no_libssl()
    {
        _debian.Put(HotcoreBinary.Path, "/srv/hotcore");
        var asUser = await _debian.Run("setpriv", "--reuid", "dev", "--clear-groups", "/srv/hotcore", "install");
        Assert.Equal(1, asUser.ExitCode);
        Assert.Contains("only root may do that; run: sudo /srv/hotcore install", asUser.Error);

        var withoutSystemd = await InOtherMounts("mount -t tmpfs none /run/systemd");
        Assert.Contains("this machine is not run by systemd", withoutSystemd.Error);

        var withoutSsl = await InOtherMounts("mount --bind /dev/null $(ls /usr/lib/*/libssl.so.3)");
        Assert.Contains("OpenSSL 3 (libssl.so.3, libcrypto.so.3) is not on this machine, or cannot be used; install it", withoutSsl.Error);
        Assert.False(Directory.Exists(_debian["/opt/hotcore"]));
    }

    [Fact]
    public async Task A_port_that_another_program_has()
    {
        await _debian.Shell("systemd-run --quiet --unit old-server --working-directory /srv python3 -m http.server 80");
        await _debian.Shell("python3 -m http.server 443 >/dev/null 2>&1 & echo $! >/root/pid");
        var curl = "curl --silent --retry 5 --retry-connrefused --output /dev/null --write-out '%{http_code}' http://127.0.0.1:";
        Assert.Equal("200", await _debian.Shell(curl + 80));
        Assert.Equal("200", await _debian.Shell(curl + 443));

        var printed = await _debian.InstallInVain();

        var pid = await _debian.Shell("systemctl show --property MainPID --value old-server");
        Assert.Contains($"port 80 is taken by python3 (process {pid}); stop it: sudo systemctl disable --now old-server", printed);
        pid = await _debian.Shell("cat /root/pid");
        Assert.Contains($"port 443 is taken by python3 (process {pid}); stop it: sudo kill {pid}", printed);
        Assert.Contains("Then repeat: sudo hotcore install", printed);
        Assert.Equal("200", await _debian.Shell(curl + 80));
        Assert.Equal("disabled", (await _debian.Run("systemctl", "is-enabled", "hotcore")).Output.Trim());

        await _debian.Shell($"systemctl stop old-server; kill {pid}");
        await _debian.Install();
    }

    [Fact]
    public async Task A_control_port_that_another_hotcore_has()
    {
        await _debian.Shell(
            "systemd-run --quiet --unit other /root/hotcore serve --local --data /root/data --http-port 0 --https-port 0");
        await _debian.UntilAnswers();

        var printed = await _debian.InstallInVain();

        Assert.Contains("6/7 service  failed: it cannot start: the control port, UDP 40608, is taken, perhaps by another hotcore", printed);
        Assert.Contains("It was stopped again", printed);
        Assert.Equal("inactive", (await _debian.Run("systemctl", "is-active", "hotcore")).Output.Trim());
        Assert.Equal("active", await _debian.Shell("systemctl is-active other"));
    }

    [Theory]
    [InlineData("--create-home --shell /bin/bash", "uid 1001, shell /bin/bash")]
    [InlineData("--system --shell /bin/bash", "shell /bin/bash")]
    [InlineData("--shell /usr/sbin/nologin", "uid 1001")]
    public async Task A_user_of_that_name_who_is_somebody(string properties, string told)
    {
        await _debian.Shell($"useradd {properties} hotcore");
        var users = await _debian.Shell("cat /etc/passwd");

        var printed = await _debian.InstallInVain();

        Assert.Contains("1/7 user     failed: there is a user hotcore already, whom hotcore cannot take", printed);
        Assert.Contains(told, printed);
        Assert.Equal(users, await _debian.Shell("cat /etc/passwd"));
        Assert.False(Directory.Exists(_debian["/opt/hotcore"]));
    }

    [Fact]
    public async Task A_system_user_and_a_group_that_were_there_are_taken()
    {
        await _debian.Shell("groupadd --system hotcore && useradd --system --gid games --shell /bin/false hotcore");

        await _debian.Install();

        Assert.Equal("hotcore:games 711", await _debian.Shell("stat --format='%U:%G %a' /opt/hotcore"));
        // Whom the install did not make, the purge does not take.
        await _debian.Shell("hotcore uninstall --purge");
        await _debian.Shell("getent passwd hotcore");
    }

    [Fact]
    public async Task A_full_disk_and_one_that_cannot_be_written()
    {
        await _debian.Shell("mount -t tmpfs -o size=5m tmpfs /opt");
        var full = await _debian.InstallInVain();
        Assert.Matches(@"2/7 program  failed: No space left on device.*make room there", full);
        Assert.Equal("", await _debian.Shell("ls /opt/hotcore/bin"));

        await _debian.Shell("umount /opt && mount -t tmpfs -o ro tmpfs /opt");
        Assert.Matches(@"1/7 user     failed: Read-only file system.*make it writable", await _debian.InstallInVain());

        await _debian.Shell("umount /opt && mount -t tmpfs -o noexec tmpfs /opt");
        Assert.Matches("2/7 program  failed: the program does not run in /opt/hotcore/bin .*noexec", await _debian.InstallInVain());
    }

    [Fact]
    public async Task A_full_disk_under_an_upgrade_leaves_what_ran_running()
    {
        await _debian.Shell("mount -t tmpfs -o size=45m tmpfs /opt");
        await _debian.Install();
        await _debian.MapApp();
        var process = await _debian.MainProcess();
        var own = await _debian.Ask("version");
        var newer = await _debian.PutVersion(own![..^1] + (char)(own[^1] + 1));

        Assert.Contains("No space left on device", await _debian.InstallInVain(newer));

        Assert.Equal(process, await _debian.MainProcess());
        Assert.Equal(own, await _debian.Ask("version"));
        await _debian.ExpectApp();
        Assert.Equal("hotcore\ninstalled\nmade-folders", await _debian.Shell("ls /opt/hotcore/bin"));
    }

    [Fact]
    public async Task Another_program_of_the_name_and_another_install_at_work()
    {
        _debian.PutText("#!/bin/sh\n", "/usr/local/bin/hotcore", isExecutable: true);
        Assert.Contains("5/7 command  failed: /usr/local/bin/hotcore is another program", await _debian.InstallInVain());
        Assert.Equal("#!/bin/sh\n", File.ReadAllText(_debian["/usr/local/bin/hotcore"]));
        File.Delete(_debian["/usr/local/bin/hotcore"]);

        await _debian.Shell("systemd-run --quiet --unit lock flock /run/hotcore-install.lock sleep 60");
        await Wait.Until(() => _debian.Run("flock", "--nonblock", "/run/hotcore-install.lock", "true").Result.ExitCode != 0, "the lock");
        Assert.Contains("another install or uninstall of hotcore is at work", await _debian.InstallInVain());
        await _debian.Shell("systemctl stop lock");

        var both = await Task.WhenAll(_debian.Run("/root/hotcore", "install"), _debian.Run("/root/hotcore", "install"));
        Assert.Contains(both, finished => finished.ExitCode == 0);
        Assert.All(both, finished => Assert.True(finished.ExitCode == 0 || finished.Error.Contains("at work"), finished.All));
        Assert.Equal("kcehc", await _debian.Ask("check"));
    }

    [Fact]
    public async Task A_machine_without_setcap_is_served_by_the_services_own_right()
    {
        await _debian.Shell("rm /usr/sbin/setcap /usr/sbin/getcap");

        Assert.Matches("3/7 ports +left out: there is no setcap", await _debian.Install());
        await _debian.MapApp();
    }

    /// <summary>Runs an install with something mounted over, for it alone.</summary>
    private async Task<Finished> InOtherMounts(string mount)
    {
        var finished = await _debian.Run("unshare", "--mount", "/bin/sh", "-c", $"{mount} && exec /root/hotcore install");
        Assert.Equal(1, finished.ExitCode);
        return finished;
    }
}

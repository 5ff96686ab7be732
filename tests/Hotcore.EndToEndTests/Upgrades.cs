namespace Hotcore.EndToEndTests;

/// <summary>One version over another: a newer one takes over, an older one is refused, a broken one gives way.</summary>
[Collection(nameof(Machines))]
public class Upgrades : IAsyncLifetime
{
    /// <summary>In seconds: at once, and in the middle of what takes longest.</summary>
    private static readonly string[] Delays = ["0", "0.1", "0.4"];

    private BootedDebian _debian = null!;
    private string _own = "";

    /// <summary>A version after the product's own, of as many characters.</summary>
    private string Newer => _own[..^1] + (char)(_own[^1] + 1);

    public async ValueTask InitializeAsync()
    {
        _own = (await HotcoreBinary.Run("version")).Output.Trim();
        _debian = await BootedDebian.Start();
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _debian.DisposeAsync();
    }

    [Fact]
    public async Task A_newer_version_takes_over_and_the_older_one_is_refused_then()
    {
        await _debian.Install();
        await _debian.MapApp();
        var newer = await _debian.PutVersion(Newer);

        var upgraded = await _debian.Install(newer);

        Assert.Contains($"7/7 answer   done: hotcore {Newer} answers", upgraded);
        Assert.Equal(Newer, await _debian.Ask("version"));
        Assert.Equal("a.example.com 3000", await _debian.Ask("list"));
        await _debian.ExpectApp();
        Assert.False(File.Exists(_debian["/opt/hotcore/bin/hotcore.previous"]));

        var process = await _debian.MainProcess();
        var refused = await _debian.InstallInVain();
        Assert.Contains($"hotcore {Newer} is installed, which is newer than this one, {_own}", refused);
        Assert.Equal(process, await _debian.MainProcess());
        Assert.Equal(Newer, await _debian.Ask("version"));
    }

    [Fact]
    public async Task A_new_version_that_does_not_start_gives_way_to_the_one_before()
    {
        await _debian.Install();
        await _debian.MapApp();
        var newer = await _debian.PutVersion(Newer);
        _debian.PutText(
            $"""
            [Service]
            ExecReload=
            ExecReload=/bin/sh -c '! /opt/hotcore/bin/hotcore version | grep -qF {Newer}'
            ExecReload=/opt/hotcore/bin/hotcore hand-over

            """,
            "/etc/systemd/system/hotcore.service.d/test.conf");
        await _debian.Shell("systemctl daemon-reload");
        var process = await _debian.MainProcess();

        var failed = await _debian.InstallInVain(newer);

        Assert.Contains("6/7 service  failed: ", failed);
        Assert.Contains($"The version before, {_own}, still runs", failed);
        Assert.Equal(process, await _debian.MainProcess());
        Assert.Equal(_own, await _debian.Ask("version"));
        await _debian.ExpectApp();
        // What is there now is whole: nothing is left to do, and nothing left over.
        Assert.Matches("6/7 service +already so", await _debian.Install());
        Assert.Equal("hotcore\ninstalled\nmade-folders", await _debian.Shell("ls /opt/hotcore/bin"));

        // Once the reason is gone, it can be had.
        File.Delete(_debian["/etc/systemd/system/hotcore.service.d/test.conf"]);
        await _debian.Install(newer);
        Assert.Equal(Newer, await _debian.Ask("version"));
    }

    /// <summary>
    /// Killed right after each line that it prints, which is the beginning of the next step, and some time later.
    /// </summary>
    [Fact]
    public async Task Killed_in_any_step_an_upgrade_leaves_a_hotcore_that_serves_and_the_next_install_repairs_the_rest()
    {
        await _debian.Install();
        await _debian.MapApp();
        var last = _own;
        for (var line = 1; line <= 8; line++)
        {
            last = _own[..^1] + (char)(_own[^1] + line);
            var newer = await _debian.PutVersion(last);
            foreach (var seconds in Delays)
            {
                await Kill(newer, line, seconds);
                await _debian.UntilAnswers();
                await _debian.ExpectApp();
            }
        }

        await _debian.Install($"/root/hotcore-{last}");
        Assert.Equal(last, await _debian.Ask("version"));
        Assert.Equal("hotcore\ninstalled\nmade-folders", await _debian.Shell("ls /opt/hotcore/bin"));
    }

    [Fact]
    public async Task Killed_in_any_step_a_first_install_is_completed_by_the_next()
    {
        for (var line = 1; line <= 8; line++)
        {
            foreach (var seconds in Delays)
                await Kill("/root/hotcore", line, seconds);
        }

        await _debian.Install();
        await _debian.MapApp();
        Assert.Equal("hotcore\ninstalled\nmade-folders", await _debian.Shell("ls /opt/hotcore/bin"));
        Assert.Matches("6/7 service +already so", await _debian.Install());
        await _debian.Reboot();
        await _debian.UntilAnswers();
    }

    [Fact]
    public async Task A_damaged_installation_is_repaired()
    {
        await _debian.Install();
        await _debian.MapApp();
        await _debian.Shell("systemctl stop hotcore; truncate --size 1000 /opt/hotcore/bin/hotcore; rm /usr/local/bin/hotcore");
        await _debian.Shell("echo nonsense > /etc/systemd/system/hotcore.service; chown -R root /opt/hotcore; rm /opt/hotcore/bin/installed");

        await _debian.Install();

        Assert.Equal("a.example.com 3000", await _debian.Ask("list"));
        Assert.Equal("hotcore", await _debian.Shell("stat --format=%U /opt/hotcore/mappings"));
        Assert.Equal("root", await _debian.Shell("stat --format=%U /opt/hotcore/bin"));
        await _debian.Shell("hotcore msg check");
    }

    private async Task Kill(string program, int afterLine, string seconds)
    {
        _debian.PutText(
            """
            exec "$1" install > >(
                for ((line = 0; line < $2; line++)); do read -r || exit; done
                sleep "$3"
                kill -KILL $$
            ) 2>&1
            """, "/root/kill");
        // The program has the process id of the shell that becomes it.
        await _debian.Run("bash", "/root/kill", program, $"{afterLine}", seconds);
        await Wait.Until(() => _debian.Run("flock", "--nonblock", "/run/hotcore-install.lock", "true").Result.ExitCode == 0, "the end of the install");
    }
}

using System.Globalization;

namespace Hotcore.EndToEndTests;

/// <summary>An install on a machine with a real systemd, and what is there afterwards, looked at from outside.</summary>
[Collection(nameof(Machines))]
public class Installation : IAsyncLifetime
{
    private BootedDebian _debian = null!;

    public async ValueTask InitializeAsync() => _debian = await BootedDebian.Start();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _debian.DisposeAsync();
    }

    [Fact]
    public async Task Seven_steps_and_then_the_status_and_the_next_command()
    {
        var printed = await _debian.Install();

        string[] steps = ["user", "program", "ports", "firewall", "command", "service", "answer"];
        for (var i = 0; i < steps.Length; i++)
            Assert.Matches($@"(?m)^{i + 1}/7 {steps[i]} +(done|already so): \S", printed);
        Assert.Matches(@"(?m)^hotcore \d+\.\d+\.\d+ is running, for ", printed);
        Assert.Contains("the next step: hotcore add <domain> <port>", printed);

        var again = await _debian.Install();
        foreach (var step in steps[..^1])
            Assert.Matches($@"(?m)^\d/7 {step} +already so: ", again);
        await _debian.MapApp();
    }

    [Fact]
    public async Task The_service_has_its_own_user_one_capability_and_three_ports()
    {
        await _debian.Install();

        var status = await _debian.Shell($"cat /proc/{await _debian.MainProcess()}/status");
        var uid = await _debian.Shell("id --user hotcore");
        Assert.Contains($"Uid:\t{uid}\t{uid}\t{uid}\t{uid}", status);
        foreach (var set in new[] { "CapPrm", "CapEff", "CapBnd" })
            Assert.Contains($"{set}:\t0000000000000400", status);
        Assert.Contains("NoNewPrivs:\t1", status);
        // Asked of systemd, since a container may get less from the machine that these tests run on.
        Assert.Equal("1048576", await _debian.Shell("systemctl show --property LimitNOFILE --value hotcore"));
        Assert.Equal(["443", "80"], await Ports("ss --tcp --listening --numeric --no-header"));
        Assert.Equal(["127.0.0.1:40608", "[::1]:40608"],
            Lines(await _debian.Shell("ss --udp --listening --numeric --no-header | awk '{ print $4 }' | grep 40608")));
        Assert.Matches("nologin|false", await _debian.Shell("getent passwd hotcore | cut -d: -f7"));
    }

    [Fact]
    public async Task Its_files_are_its_own_and_its_program_is_roots()
    {
        await _debian.Install();
        await _debian.MapApp();

        Assert.Equal("hotcore:hotcore 711", await Stat("/opt/hotcore"));
        Assert.Equal("root:root 755", await Stat("/opt/hotcore/bin"));
        Assert.Equal("root:root 755", await Stat("/opt/hotcore/bin/hotcore"));
        Assert.Equal("hotcore:hotcore 600", await Stat("/opt/hotcore/mappings"));
        Assert.Equal("hotcore:hotcore 600", await Stat("/opt/hotcore/hotcore.log"));
        Assert.Equal("hotcore:hotcore 700", await Stat("/opt/hotcore/certificates"));
        Assert.Equal("root:root 644", await Stat("/etc/systemd/system/hotcore.service"));
        Assert.Equal("/opt/hotcore/bin/hotcore", await _debian.Shell("readlink /usr/local/bin/hotcore"));
        Assert.Contains("cap_net_bind_service=eip", await _debian.Shell("getcap /opt/hotcore/bin/hotcore"));
        Assert.Equal("", await _debian.Shell("find /opt/hotcore/bin ! -user root"));
        Assert.Equal("", await _debian.Shell("find /opt/hotcore /etc/systemd /usr/local -name '*.new' -o -name '*.previous'"));
        // Another user of the machine commands it, and reads nothing of it.
        Assert.Equal("kcehc", await _debian.Shell("setpriv --reuid dev --regid dev --clear-groups hotcore msg check"));
        Assert.NotEqual(0, (await _debian.Run("setpriv", "--reuid", "dev", "--regid", "dev", "--clear-groups", "cat", "/opt/hotcore/mappings")).ExitCode);
    }

    [Fact]
    public async Task Systemd_calls_it_well_confined()
    {
        await _debian.Install();

        var analysis = await _debian.Shell("systemd-analyze security --no-pager hotcore.service");

        var line = Lines(analysis)[^1];
        TestContext.Current.TestOutputHelper?.WriteLine(analysis);
        var exposure = double.Parse(line.Split("exposure level for hotcore.service: ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.True(exposure <= 2.0, line);
        // Nothing that systemd did not understand, or hotcore was not allowed.
        Assert.DoesNotContain("hotcore.service:", await _debian.Shell("journalctl --no-pager --output cat --priority warning"));
    }

    [Fact]
    public async Task It_serves_again_after_a_restart_of_the_machine()
    {
        await _debian.Install();
        await _debian.MapApp();

        await _debian.Reboot();
        await _debian.UntilAnswers();

        Assert.Equal("a.example.com 3000", await _debian.Ask("list"));
        Assert.Equal(["443", "80"], await Ports("ss --tcp --listening --numeric --no-header"));
    }

    [Fact]
    public async Task It_serves_again_after_a_crash_and_after_it_hung()
    {
        PutWatchdog(20);
        await _debian.Install();
        await _debian.MapApp();
        // Alive for longer than the watchdog waits: it is told so.
        var alive = await _debian.MainProcess();
        await _debian.UntilBeats(3);
        Assert.Equal(alive, await _debian.MainProcess());

        PutWatchdog(5);
        await _debian.Shell("systemctl daemon-reload && systemctl restart hotcore");
        await _debian.UntilAnswers();
        foreach (var signal in new[] { "KILL", "STOP" })
        {
            var old = await _debian.MainProcess();
            await _debian.Shell($"kill -{signal} {old}");
            await Wait.Until(() => !Directory.Exists(_debian[$"/proc/{old}"]), $"the end of what got SIG{signal}");
            await _debian.UntilAnswers();
            Assert.NotEqual(old, await _debian.MainProcess());
            await _debian.ExpectApp();
        }

        // One that waits for 5 s takes a machine that stands still for half of that for a hotcore that hangs.
        void PutWatchdog(int seconds) =>
            _debian.PutText($"[Service]\nWatchdogSec={seconds}\n", "/etc/systemd/system/hotcore.service.d/test.conf");
    }

    /// <summary>With options of the owner's own, which the unit that hotcore comes with does not know.</summary>
    [Fact]
    public async Task A_reload_leads_to_a_process_with_the_same_options_rights_and_care()
    {
        _debian.PutText(
            """
            [Service]
            WatchdogSec=20
            ExecStart=
            ExecStart=/opt/hotcore/bin/hotcore serve --acme-directory https://127.0.0.1:1/dir

            """,
            "/etc/systemd/system/hotcore.service.d/test.conf");
        await _debian.Install();
        await _debian.MapApp();
        var first = await _debian.MainProcess();
        var before = await Describe(first);

        await _debian.Shell("systemctl reload hotcore");

        var second = await _debian.MainProcess();
        Assert.NotEqual(first, second);
        Assert.Equal(before, (await Describe(second)).Replace("\0--take-over", ""));
        await Wait.Until(() => !Directory.Exists(_debian[$"/proc/{first}"]), "the end of the first process");
        await _debian.ExpectApp();
        // Alive for longer than the watchdog waits: it is told so, by the second process, and then by a third.
        await _debian.UntilBeats(3);
        Assert.Equal(second, await _debian.MainProcess());
        await _debian.Shell("systemctl reload hotcore");
        var third = await _debian.MainProcess();
        Assert.Equal(before, (await Describe(third)).Replace("\0--take-over", ""));
        Assert.Equal("0", await _debian.Shell("systemctl show --property NRestarts --value hotcore"));
        Assert.DoesNotContain("hotcore.service:", await _debian.Shell("journalctl --no-pager --output cat --priority warning"));

        foreach (var signal in new[] { "KILL", "STOP" })
        {
            var last = await _debian.MainProcess();
            await _debian.Shell($"kill -{signal} {last}");
            await Wait.Until(
                () => !Directory.Exists(_debian[$"/proc/{last}"]), $"the end of what got SIG{signal}", TimeSpan.FromMinutes(1));
            await _debian.UntilAnswers();
            await _debian.ExpectApp();
            await _debian.Shell("systemctl reload hotcore");
        }
        await _debian.Shell("systemctl stop hotcore");
        Assert.Equal("", await _debian.Shell("pgrep --exact hotcore || true"));

        Task<string> Describe(int process) => _debian.Shell(
            $"cat /proc/{process}/cmdline; cat /proc/{process}/cgroup; grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp):' /proc/{process}/status; "
                + $"grep 'open files' /proc/{process}/limits; tr '\\0' '\n' </proc/{process}/environ | grep DOTNET | sort; "
                + $"stat --format=%U /proc/{process}");
    }

    [Fact]
    public async Task Uninstall_keeps_what_was_stored_and_purge_leaves_no_trace()
    {
        const string everything =
            "find / -xdev -not -path '/proc/*' -not -path '/run/*' -not -path '/tmp/*' -not -path '/var/log/*' -not -path '/var/tmp/*'"
            + " -not -path '/root/*' -not -path '/srv*' -not -path '/etc/*-' -not -path '/var/lib/systemd/*' | sort";
        var before = await _debian.Shell(everything);
        var users = await _debian.Shell("cat /etc/passwd /etc/group");
        await _debian.Install();
        await _debian.MapApp();

        var uninstalled = await _debian.Shell("hotcore uninstall");
        Assert.Contains("kept: certificates and mappings in /opt/hotcore", uninstalled);
        Assert.Null(await _debian.Ask("check"));
        Assert.False(File.Exists(_debian["/usr/local/bin/hotcore"]));
        Assert.Equal("hotcore:hotcore 600", await Stat("/opt/hotcore/mappings"));

        await _debian.Install();
        Assert.Equal("a.example.com 3000", await _debian.Ask("list"));
        await _debian.Shell("hotcore uninstall --purge");

        Assert.Equal(before, await _debian.Shell(everything));
        Assert.Equal(users, await _debian.Shell("cat /etc/passwd /etc/group"));
        Assert.Contains("already so", await _debian.Shell("/root/hotcore uninstall --purge"));
    }

    [Fact]
    public async Task Local_mode_runs_as_the_person_who_called_sudo_and_listens_on_loopback_only()
    {
        var refused = await _debian.Run("/root/hotcore", "install", "--local");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("sudo hotcore install --local", refused.Error);

        var finished = await _debian.Run("env", "SUDO_USER=dev", "/root/hotcore", "install", "--local");
        Assert.True(finished.ExitCode == 0, finished.All + await _debian.Journal());

        Assert.Contains("is running in local mode", finished.Output);
        Assert.Equal("dev", await _debian.Shell($"stat --format=%U /proc/{await _debian.MainProcess()}"));
        Assert.Equal("dev:dev 700", await Stat("/home/dev/.local/state/hotcore"));
        Assert.Equal("dev:dev", (await Stat("/home/dev/.local"))[..7]);
        Assert.All(
            Lines(await _debian.Shell("ss --tcp --listening --numeric --no-header | awk '{ print $4 }'")),
            address => Assert.Matches(@"^(127\.0\.0\.1|\[::1\]):(80|443)$", address));
        await _debian.MapApp("app.localhost");
        var process = await _debian.MainProcess();
        await _debian.Shell("systemctl reload hotcore");
        Assert.NotEqual(process, await _debian.MainProcess());
        await _debian.ExpectApp("app.localhost");
        Assert.Contains("hotcore is installed in local mode", await _debian.InstallInVain());
        await _debian.Shell("SUDO_USER=dev hotcore uninstall --purge");
        Assert.False(Directory.Exists(_debian["/home/dev/.local/state/hotcore"]));
        Assert.False(Directory.Exists(_debian["/opt/hotcore"]));
    }

    [Fact]
    public async Task Completions_and_the_manual_page_are_where_shells_and_man_look()
    {
        await _debian.Install();

        await _debian.Shell("bash -n /usr/local/share/bash-completion/completions/hotcore");
        await _debian.Shell("zsh -n /usr/local/share/zsh/site-functions/_hotcore");
        await _debian.Shell("fish --no-execute /etc/fish/completions/hotcore.fish");
        await _debian.MapApp();
        _debian.PutText(
            """
            . /usr/share/bash-completion/bash_completion
            _completion_loader hotcore
            complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _hotcore; echo "${COMPREPLY[*]}"; }
            complete_words hotcore inst
            complete_words hotcore uninstall --p
            complete_words hotcore remove a.e
            """, "/root/complete");
        Assert.Equal("install\n--purge\na.example.com", await _debian.Shell("bash /root/complete"));
        Assert.Contains("uninstall", await _debian.Shell("fish -c 'complete --do-complete \"hotcore un\"'"));
        Assert.Contains("a.example.com", await _debian.Shell("fish -c 'complete --do-complete \"hotcore remove a\"'"));
        Assert.Equal("", await _debian.Shell("zsh -fc 'autoload -Uz compinit; compinit -u; whence -w _hotcore | grep -v function || true'"));
        Assert.Contains("HTTPS reverse proxy", await _debian.Shell("man --pager=cat hotcore"));
        Assert.Equal("", await _debian.Shell("man --warnings --encoding=UTF-8 --local-file /usr/local/share/man/man1/hotcore.1 2>&1 >/dev/null"));
    }

    private async Task<string> Stat(string path) => await _debian.Shell($"stat --format='%U:%G %a' {path}");

    private async Task<string[]> Ports(string command) =>
        [.. Lines(await _debian.Shell($"{command} | awk '{{ print $4 }}' | sed 's/.*://' | sort -u"))];

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>The machines of these tests themselves: they end with whoever booted them, even if that one is killed.</summary>
[Collection(nameof(Machines))]
public class BootedMachines
{
    [Fact]
    public async Task Nothing_is_left_of_one_whose_input_has_ended()
    {
        int leader;
        string folder;
        await using (var debian = await BootedDebian.Start())
        {
            (leader, folder) = (debian.Leader, debian.Folder);
            Assert.NotEmpty(Processes(folder));
            // The kernel does the same for a test program that was killed.
            await debian.EndInput();
            // What has been killed has left its control group before it is gone.
            await Wait.Until(() => !Directory.Exists($"/proc/{leader}") && Processes(folder).Count == 0, "the end of its processes");
            Assert.DoesNotContain(folder, await File.ReadAllTextAsync("/proc/mounts"));
            Assert.Empty(Directory.EnumerateDirectories("/sys/fs/cgroup", $"hotcore-test-{debian.BootProcess}", new EnumerationOptions
            {
                RecurseSubdirectories = true,
                MaxRecursionDepth = 1,
                IgnoreInaccessible = true,
            }));
        }
        Assert.False(Directory.Exists(folder));
    }

    private static List<string> Processes(string folder)
    {
        var found = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            try
            {
                var command = File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
                if (command.Contains(folder))
                    found.Add(command);
            }
            catch (IOException)
            {
                continue;
            }
        }
        return found;
    }
}

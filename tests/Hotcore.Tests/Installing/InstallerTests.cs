using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Hotcore.Installing;

/// <summary>The steps in their order, with a systemd that is a script, and a service that is a socket.</summary>
public sealed class InstallerTests : IAsyncLifetime
{
    private readonly FakeMachine _machine = new();
    private readonly Socket _service = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly List<InstallStep> _steps = [];
    private Task _answering = Task.CompletedTask;

    public ValueTask InitializeAsync()
    {
        _service.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _answering = Task.Factory.StartNew(Answer, TaskCreationOptions.LongRunning);
        _machine.MakeProgram("setcap", "true");
        _machine.MakeProgram("getcap", "echo \"$1 cap_net_bind_service=eip\"");
        _machine.MakeProgram("stat", "case $* in *%u*) echo '0 755' ;; *) echo 'hotcore 711' ;; esac");
        _machine.MakeProgram("systemctl", """
            case $1 in
            show) cat "$root/state/$3" 2>/dev/null || true ;;
            enable) mkdir -p "$root/state"; echo enabled >"$root/state/UnitFileState" ;;
            disable) rm -rf "$root/state" "$root/running" ;;
            restart | reload)
                [ $1 = reload ] || rm -f "$root/running" "$root/state/ActiveState"
                if grep -q broken "$root/opt/hotcore/bin/hotcore"; then echo 'the job failed' >&2; exit 1; fi
                echo active >"$root/state/ActiveState"
                echo 42 >"$root/state/MainPID"
                mkdir -p "$root/proc/42"
                ln -f "$root/opt/hotcore/bin/hotcore" "$root/proc/42/exe"
                sh "$root/opt/hotcore/bin/hotcore" >"$root/new" && mv "$root/new" "$root/running"
                ;;
            esac
            """);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _service.SendTo([], _service.LocalEndPoint!);
        await _answering;
        _service.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void Seven_steps_and_the_second_time_all_is_so_already()
    {
        Assert.True(Install("1.0.0"));
        Assert.Equal(["user", "program", "ports", "firewall", "command", "service", "answer"], _steps.Select(step => step.Name));
        Assert.DoesNotContain(_steps, step => step.Outcome == StepOutcome.Failed);
        Assert.Equal(SystemdUnit.Format(ServiceUser.OfServer), File.ReadAllText(_machine[Paths.SystemdUnit]));
        _machine.TakeCalls();
        Assert.True(Install("1.0.0"));
        Assert.All(_steps.SkipLast(1), step => Assert.Equal(StepOutcome.AlreadySo, step.Outcome));
        Assert.DoesNotContain(_machine.TakeCalls(), call => call.Contains("restart", StringComparison.Ordinal));
    }

    [Fact]
    public void A_newer_version_replaces_and_an_older_one_is_refused()
    {
        Install("1.0.0");
        Assert.True(Install("1.1.0"));
        Assert.Equal("1.1.0", Running);
        Assert.Contains("1.1.0 is installed, which is newer than this one, 1.0.0",
            Assert.Throws<InstallFailure>(() => Install("1.0.0")).Message);
        Assert.Equal("1.1.0", Running);
    }

    [Fact]
    public void A_first_version_that_does_not_start_is_stopped_again()
    {
        Assert.False(Install("1.0.0", "broken"));
        Assert.Equal(("service", StepOutcome.Failed), (_steps[^1].Name, _steps[^1].Outcome));
        Assert.Contains("the job failed", _steps[^1].Detail);
        Assert.Contains("systemctl disable --now hotcore.service", _machine.TakeCalls());
        Assert.True(Install("1.0.0"));
    }

    [Fact]
    public void A_newer_version_that_does_not_start_gives_way_with_its_unit()
    {
        Install("1.0.0");
        // As if 1.0.0 had come with another unit, and been proven with it.
        var unit = File.ReadAllText(_machine[Paths.SystemdUnit]) + "# of 1.0.0\n";
        File.WriteAllText(_machine[Paths.SystemdUnit], unit);
        (Receipt.Read(_machine.Root)! with { Unit = SystemdService.Hash(unit) }).Write(_machine.Root);

        Assert.False(Install("1.1.0", "broken"));
        Assert.Contains("The version before, 1.0.0, runs again", _steps[^1].Detail);
        Assert.Equal("1.0.0", Running);
        Assert.Equal(unit, File.ReadAllText(_machine[Paths.SystemdUnit]));
        Assert.Equal(["hotcore", "installed", "made-folders"],
            Directory.GetFiles(_machine[Paths.ProgramFolder]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(Install("1.1.0"));
        Assert.Equal("1.1.0", Running);
    }

    [Fact]
    public void A_version_that_can_hand_over_is_not_stopped_for_a_newer_one_nor_for_one_that_does_not_start()
    {
        Install("1.0.0");
        _machine.Write("/opt/hotcore/handover", "");
        _machine.TakeCalls();

        Assert.False(Install("1.1.0", "broken"));
        Assert.Contains("The version before, 1.0.0, still runs", _steps[^1].Detail);
        Assert.Equal("1.0.0", Running);
        Assert.True(Install("1.0.0"));
        Assert.Equal(StepOutcome.AlreadySo, _steps[5].Outcome);
        Assert.True(Install("1.2.0"));

        Assert.Equal("1.2.0", Running);
        Assert.DoesNotContain(_machine.TakeCalls(), call => call.Contains("restart", StringComparison.Ordinal));
    }

    [Fact]
    public void An_install_that_was_ended_before_the_answer_is_begun_anew_by_the_next()
    {
        Install("1.0.0");
        File.Delete(_machine[Paths.ProgramFolder + "/installed"]);
        Assert.True(Install("1.0.0"));
        Assert.Equal(StepOutcome.Done, _steps[5].Outcome);
    }

    [Fact]
    public void A_machine_in_local_mode_does_not_become_a_server_by_itself()
    {
        _machine.Write(Paths.SystemdUnit, SystemdUnit.Format(new ServiceUser("dev", "/home/dev/data", IsLocal: true)));
        Assert.Contains("sudo hotcore install --local", Assert.Throws<InstallFailure>(() => Install("1.0.0")).Message);
    }

    [Fact]
    public void A_taken_port_ends_it_before_anything_is_enabled()
    {
        _machine.Write("/proc/net/tcp", "head\n 0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 100 1\n");
        Assert.False(Install("1.0.0"));
        Assert.Contains("port 80 is taken", _steps[^1].Detail);
        Assert.DoesNotContain(_machine.TakeCalls(), call => call.StartsWith("systemctl enable", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_at_once_exclude_each_other()
    {
        using (InstallLock.Take(_machine.Root))
            Assert.Contains("another install", Assert.Throws<InstallFailure>(() => Install("1.0.0")).Message);
        Assert.True(Install("1.0.0"));
    }

    [Fact]
    public void A_failed_firewall_fails_the_install_and_ends_it_not()
    {
        _machine.MakeProgram("ufw", "echo broken >&2; exit 1");
        Assert.False(Install("1.0.0"));
        Assert.Equal(StepOutcome.Failed, _steps[3].Outcome);
        Assert.Equal(("answer", StepOutcome.Done), (_steps[^1].Name, _steps[^1].Outcome));
    }

    [Fact]
    public void Uninstalling_takes_all_but_what_was_stored_and_a_purge_that_too()
    {
        Install("1.0.0");
        _machine.Write("/opt/hotcore/mappings", "");
        _steps.Clear();
        Assert.True(MakeUninstaller().Run(isPurge: false, localFolder: null));
        Assert.Equal(["service", "command", "firewall", "program", "data"], _steps.Select(step => step.Name));
        Assert.Equal([_machine["/opt/hotcore/mappings"]], Directory.GetFileSystemEntries(_machine["/opt/hotcore"]));
        Assert.False(File.Exists(_machine[Paths.SystemdUnit]));
        Assert.True(MakeUninstaller().Run(isPurge: true, localFolder: null));
        Assert.False(Directory.Exists(_machine["/opt/hotcore"]));
        Assert.DoesNotContain("hotcore", File.ReadAllText(_machine["/etc/passwd"]), StringComparison.Ordinal);
        Assert.True(MakeUninstaller().Run(isPurge: true, localFolder: null));
    }

    private string? Running => RootFile.TryRead(_machine["/running"])?.Trim();

    private Uninstaller MakeUninstaller() => new(_machine.Root, [], _steps.Add);

    private bool Install(string version, string remark = "")
    {
        var source = $"/root/hotcore-{version}";
        _machine.Write(source, $"#!/bin/sh\necho {version}\n# {remark}\n");
        _steps.Clear();
        var plan = new InstallPlan(
            _machine.Root, _machine[source], version, ServiceUser.OfServer, null, [("/usr/local/share/man/man1/hotcore.1", "manual")],
            ((IPEndPoint)_service.LocalEndPoint!).Port);
        return new Installer(plan, _steps.Add).Run();
    }

    /// <summary>Until the test is over, which an empty message tells. On a thread of its own: a late answer is none.</summary>
    private void Answer()
    {
        var buffer = new byte[1000];
        EndPoint asker = new IPEndPoint(IPAddress.Any, 0);
        while (_service.ReceiveFrom(buffer, ref asker) > 0)
            _service.SendTo(Encoding.UTF8.GetBytes(Running ?? "none"), asker);
    }
}

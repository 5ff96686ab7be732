using System.Globalization;
using System.Net;

namespace Hotcore.EndToEndTests;

/// <summary>
/// Upgrades while clients of every kind are at work, all of them outside the machine: no connection is refused, none is cut,
/// no request fails, no message is lost.
/// </summary>
[Collection(nameof(Machines))]
public class UpgradesUnderLoad : IAsyncLifetime
{
    private const int UpgradeCount = 10;
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(90);

    private readonly List<IAsyncDisposable> _made = [];
    private readonly TestAuthority _authority = new("by hand");
    private string _own = "";
    private BootedDebian _debian = null!;
    private NetworkNamespace _network = null!;
    private LoadSite _site = null!;
    private Load _load = null!;

    public async ValueTask InitializeAsync()
    {
        try
        {
            _own = (await HotcoreBinary.Run("version")).Output.Trim();
            _debian = Made(await BootedDebian.Start());
            var cable = Made(await Cable.Lay(_debian));
            _site = new LoadSite(cable.There, _authority.Certificate);
            _network = Made(new NetworkNamespace(_debian.Leader));
            foreach (var port in Load.Ports)
                Made(await LoadApp.Start(_network, $"{port}", port));
            await Install();
        }
        catch
        {
            // xunit disposes only of what was initialised.
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var made in Enumerable.Reverse(_made))
            await made.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task Ten_upgrades_and_a_reload_refuse_no_connection_and_cut_none_and_lose_no_message()
    {
        // Before the load, which hundreds of megabytes on their way to the disk would hold up.
        for (var number = 1; number <= UpgradeCount; number++)
            await _debian.PutVersion(Version(number));

        await UnderLoad(async () =>
        {
            for (var number = 1; number <= UpgradeCount; number++)
            {
                await UntilReplaced($"upgrade {number}, to {Version(number)}", Version(number), async () => Assert.Contains(
                    $"7/7 answer   done: hotcore {Version(number)} answers", await _debian.Install($"/root/hotcore-{Version(number)}")));
            }
            await UntilReplaced("the reload", Version(UpgradeCount), () => _debian.Shell("systemctl reload hotcore"));

            await EndLoad();
            Assert.DoesNotContain("Unhandled exception", await Journal());
            // As often as one likes, also when those before have ended.
            await _debian.Shell("systemctl reload hotcore");
            await ExpectService(Version(UpgradeCount));
        });
    }

    [Fact]
    public async Task An_upgrade_that_fails_is_noticed_by_nobody_but_who_called_for_it()
    {
        var newer = await _debian.PutVersion(Version(1), cannotServe: true);
        await UnderLoad(async () =>
        {
            var process = await _debian.MainProcess();

            _load.Record.Begin($"the upgrade to a {Version(1)} that cannot serve");
            var printed = await _debian.InstallInVain(newer);
            _load.Record.Begin("after it failed");

            Assert.Contains("6/7 service  failed: ", printed);
            Assert.Contains($"The version before, {_own}, still runs", printed);
            await ExpectService(_own);
            Assert.Equal(process, await _debian.MainProcess());
            await _load.UntilAllGoesOn();
            await EndLoad();
            Assert.Matches("6/7 service +already so", await _debian.Install());
        });
    }

    /// <summary>A client is still reading, and grants more, when its answer's last byte is sent and the old process has no more to do.</summary>
    [Fact]
    public async Task Downloads_over_HTTP_2_that_end_in_the_old_process_are_whole()
    {
        for (var round = 0; round < 8; round++)
        {
            using var workers = new LoadWorkers();
            var transfers = new LoadTransfers(_site, workers);
            for (var i = 0; i < 4; i++)
                transfers.BeginDownload($"download {i}", HttpVersion.Version20, lengthBytes: 20_000_000, bytesPerSecond: 100_000);
            await workers.Record.UntilEachGoesOn(workers.Kinds);
            workers.Record.Begin($"reload {round}");
            var reload = await _debian.Run("systemctl", "reload", "hotcore");
            await workers.End();
            if (reload.ExitCode != 0 || workers.Record.FailureCount > 0)
                Assert.Fail($"{reload.All}\n{workers.Record}\n{await Journal()}");
        }
    }

    /// <summary>The load is tested as well: each kind of it has to notice what is no upgrade.</summary>
    [Fact]
    public async Task A_crash_is_noticed_by_every_kind_of_client() => await UnderLoad(
        async () =>
        {
            // A service that came back in a second might do so between two clients of a kind.
            _debian.PutText("[Service]\nRestart=no\n", "/run/systemd/system/hotcore.service.d/crash.conf");
            await _debian.Shell("systemctl daemon-reload");
            _load.Record.Begin("the crash");
            await _debian.Shell("systemctl kill --signal KILL hotcore");

            await Wait.Until(
                () => Unaware().Length == 0, () => $"a failure of each kind of load; those without: {string.Join(", ", Unaware())}");

            string[] Unaware() => [.. _load.Kinds.Where(kind => _load.Record.FailuresOf(kind) == 0)];
        },
        patience: TimeSpan.FromSeconds(5));

    /// <summary>Installs it with a certificate for one of the load's domains.</summary>
    private async Task Install()
    {
        await _debian.Install();
        Certificates.Put(_debian["/opt/hotcore"], LoadSite.Secure, _authority.Issue(LoadSite.Secure));
        await _debian.Shell("chown -R hotcore:hotcore /opt/hotcore/certificates && systemctl restart hotcore");
        await _debian.UntilAnswers();
        foreach (var domain in new[] { LoadSite.Plain, LoadSite.Secure })
            await _debian.Map(domain, Load.Ports[0]);
    }

    /// <summary>Has another process take over, and waits until every kind of load has met it.</summary>
    private async Task UntilReplaced(string moment, string version, Func<Task> replace)
    {
        var before = await _debian.MainProcess();
        _load.Record.Begin(moment);

        await replace();

        _load.Record.Begin($"after {moment}");
        Assert.NotEqual(before, await _debian.MainProcess());
        await ExpectService(version);
        await _load.OpenWebSockets();
        await _load.UntilAllGoesOn();
        await ExpectService(version);
    }

    private async Task ExpectService(string version)
    {
        Assert.Equal(version, await _debian.Ask("version"));
        Assert.Equal("active", await _debian.Shell("systemctl is-active hotcore"));
        Assert.Equal("0", await _debian.Shell("systemctl show --property NRestarts --value hotcore"));
    }

    /// <summary>Nothing went wrong up to the end of the load, and every process but one ends with its last client.</summary>
    private async Task EndLoad()
    {
        _load.Record.Begin("the end");
        await _load.End();
        _load.Record.Begin("after the end");
        await Assert.MultipleAsync(
            () => Wait.Until(() => Processes().Length == 1, () => $"the end of all but one of {string.Join("; ", Processes())}", DrainLimit),
            async () => Assert.Equal(_load.Mappings, await _debian.Ask("list")),
            () => Task.Run(() => Assert.Equal(0, _load.Record.FailureCount)));
    }

    private string[] Processes() => _debian.Run("ps", "-C", "hotcore", "-o", "pid=,etime=,args=").Result.Output
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Starts the load, and adds to what fails what it and the service have to say.</summary>
    private async Task UnderLoad(Func<Task> test, TimeSpan? patience = null)
    {
        _load = Made(await Load.Start(_site, _network, patience ?? Wait.Limit));
        try
        {
            await test();
        }
        catch (Exception failure)
        {
            Assert.Fail($"{_load.Record}\n{await Journal()}\n\n{failure}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_load.Record}slowest reply to a message: {_load.SlowestReply.TotalMilliseconds:0} ms\n{await Journal()}");
    }

    /// <summary>Without the changes of mappings, which are thousands.</summary>
    private Task<string> Journal() => _debian.Shell(
        "journalctl --unit hotcore --no-pager --utc --output short-precise | grep -vE ' (add|remove) [^ ]+.*, by ' | tail -n 300");

    /// <summary>A version after the product's own, of as many characters: its digits, counted on.</summary>
    private string Version(int after)
    {
        var digits = _own.Replace(".", "");
        var counted = new Queue<char>(
            (int.Parse(digits, CultureInfo.InvariantCulture) + after).ToString(CultureInfo.InvariantCulture).PadLeft(digits.Length, '0'));
        return string.Concat(_own.Select(character => character == '.' ? '.' : counted.Dequeue()));
    }

    private T Made<T>(T made) where T : IAsyncDisposable
    {
        _made.Add(made);
        return made;
    }
}

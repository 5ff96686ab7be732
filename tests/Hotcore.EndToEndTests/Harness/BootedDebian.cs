using System.Diagnostics;
using System.Globalization;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// A Debian of one test's own, booted by a real systemd: its files are a copy (an overlay), its network is its own and leads
/// nowhere. Commands run in it, its files and processes are looked at from outside. Needs root.
/// </summary>
public sealed class BootedDebian : IAsyncDisposable
{
    private static readonly TimeSpan MakeLimit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);
    private static readonly SemaphoreSlim Making = new(1);
    private static string? _debian;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hotcore-e2e-debian-");
    private readonly ChildProcess _boot;
    private int _leader;

    private BootedDebian(string debian) => _boot = ChildProcess.Start(
        HotcoreBinary.App("boot-debian.sh"), [debian, _folder.FullName], keepsInput: true);

    /// <summary>Boots it, and puts the product's program at /root/hotcore.</summary>
    public static async Task<BootedDebian> Start()
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("this test boots a Debian in a container, which needs root: run the tests as root");
        var debian = new BootedDebian(await MakeOnce());
        try
        {
            await debian.UntilBooted();
            debian.Put(HotcoreBinary.Path, "/root/hotcore");
            return debian;
        }
        catch (Exception failure)
        {
            await debian.DisposeAsync();
            throw new InvalidOperationException($"the test's Debian did not boot: {failure.Message}\n{debian._boot.Error}", failure);
        }
    }

    /// <summary>Its first process, as this machine counts.</summary>
    public int Leader => _leader;

    /// <summary>What keeps it running.</summary>
    public int BootProcess => _boot.Id;

    /// <summary>The temporary folder that its files are in.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Where a file of it is from here.</summary>
    public string this[string path] => $"/proc/{_leader}/root{path}";

    /// <summary>Runs a command in it, as root with the environment of a login.</summary>
    public Task<Finished> Run(params string[] command) => Finished.Run(
        "nsenter",
        [
            $"--target={_leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--", "/usr/bin/env", "--chdir=/",
            "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", .. command,
        ],
        limit: BootLimit);

    /// <summary>Runs a line of shell in it, which has to succeed, and returns what it printed.</summary>
    public async Task<string> Shell(string line)
    {
        var finished = await Run("/bin/sh", "-c", line);
        return finished.ExitCode == 0
            ? finished.Output.Trim()
            : throw new InvalidOperationException($"`{line}` ended with {finished.ExitCode}: {finished.All}");
    }

    /// <summary>Copies a program into it.</summary>
    public void Put(string file, string path)
    {
        File.Copy(file, this[path], overwrite: true);
        File.SetUnixFileMode(this[path], (UnixFileMode)0b111_101_101);
    }

    public void PutText(string text, string path, bool isExecutable = false)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[path])!);
        File.WriteAllText(this[path], text);
        if (isExecutable)
            File.SetUnixFileMode(this[path], (UnixFileMode)0b111_101_101);
    }

    /// <summary>Restarts the whole machine, and returns when it has booted again.</summary>
    public async Task Reboot()
    {
        var old = _leader;
        await Run("systemctl", "--no-block", "reboot");
        await Wait.Until(() => !Directory.Exists($"/proc/{old}"), "the end of the test's Debian", BootLimit);
        await UntilBooted();
    }

    /// <summary>The process id of the service's main process, as the machine itself counts.</summary>
    public async Task<int> MainProcess() =>
        int.Parse(await Shell("systemctl show --property MainPID --value hotcore"), CultureInfo.InvariantCulture);

    /// <summary>The container goes with its input, then its files; each kind of end leaves nothing but these.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndInput();
        await _boot.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    public async Task EndInput()
    {
        _boot.CloseInput();
        await _boot.WaitForExit();
    }

    private static async Task<string> MakeOnce()
    {
        await Making.WaitAsync();
        try
        {
            if (_debian is not null)
                return _debian;
            var made = await Finished.Run(
                Path.Combine(HotcoreBinary.Repository, "scripts", "make-test-debian.sh"), [], limit: MakeLimit);
            if (made.ExitCode != 0)
                throw new InvalidOperationException($"the Debian of these tests could not be made: {made.Error}");
            return _debian = made.Output.Trim();
        }
        finally
        {
            Making.Release();
        }
    }

    private async Task UntilBooted()
    {
        var started = Stopwatch.StartNew();
        while (true)
        {
            if (_boot.HasExited)
                throw new InvalidOperationException($"it ended:\n{await _boot.ReadToEnd()}");
            if (started.Elapsed > BootLimit)
                throw new TimeoutException($"it had not booted after {BootLimit.TotalSeconds:0} s");
            if (FindLeader() is { } leader)
            {
                _leader = leader;
                // "degraded" is a unit that failed; which ones is for the tests to say.
                var state = await Run("systemctl", "is-system-running");
                if (state.Output.Trim() is "running" or "degraded")
                    return;
            }
            await Task.Delay(50);
        }
    }

    /// <summary>The container's first process: the one named systemd right below systemd-nspawn.</summary>
    private int? FindLeader()
    {
        var below = new Queue<(int Process, bool IsBelowNspawn)>([(_boot.Id, false)]);
        while (below.TryDequeue(out var next))
        {
            foreach (var child in Children(next.Process))
            {
                var name = Name(child);
                if (next.IsBelowNspawn && name is "systemd")
                    return child;
                below.Enqueue((child, name == "systemd-nspawn"));
            }
        }
        return null;
    }

    private static IEnumerable<int> Children(int process)
    {
        try
        {
            return [.. File.ReadAllText($"/proc/{process}/task/{process}/children")
                .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static string Name(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/comm").Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }
}

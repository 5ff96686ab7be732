using System.Diagnostics;

namespace Hotcore.EndToEndTests;

/// <summary>What is published, used as users do.</summary>
[Collection(nameof(Machines))]
public class Packaging : IAsyncLifetime
{
    private const string Curl =
        "curl --silent --show-error --fail --retry 20 --retry-connrefused --retry-delay 0 --header 'Host: a.example.com' http://127.0.0.1/";

    private readonly DirectoryInfo _release = Directory.CreateTempSubdirectory("hotcore-e2e-release-");
    private BootedDebian _debian = null!;
    private string _version = "";

    public async ValueTask InitializeAsync()
    {
        _version = (await HotcoreBinary.Run("version")).Output.Trim();
        await Package(HotcoreBinary.Path, _version);
        _debian = await BootedDebian.Start();
        foreach (var file in _release.GetFiles())
            File.Copy(file.FullName, _debian[$"/srv/{file.Name}"]);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _debian.DisposeAsync();
        _release.Delete(recursive: true);
    }

    [Fact]
    public async Task From_an_archive_to_the_first_proxied_request()
    {
        _debian.PutText("hello from the app", "/srv/app/index.html");
        await _debian.Shell("systemd-run --quiet --unit app --working-directory /srv/app python3 -m http.server 3000");
        var started = Stopwatch.StartNew();

        await _debian.Shell($"cd /srv && tar -xJf hotcore-{_version}-$(uname -m).tar.xz && hotcore-{_version}/hotcore install && hotcore add a.example.com 3000");
        var answer = await _debian.Shell(Curl);

        Console.WriteLine($"from an archive to the first proxied request: {started.Elapsed.TotalSeconds:0.00} s");
        Assert.Equal("hello from the app", answer);
        // The aim is 5 s; this machine may have more to do than that.
        Assert.True(started.Elapsed < TimeSpan.FromSeconds(60), $"{started.Elapsed}");
    }

    [Fact]
    public async Task The_script_downloads_verifies_and_installs_the_newest()
    {
        const string script = "HOTCORE_BASE_URL=file:///srv bash /srv/install.sh";

        await _debian.Shell($"cp /srv/SHA256SUMS /srv/sums && sed -i 's/^..../0000/' /srv/SHA256SUMS");
        var damaged = await _debian.Run("sh", "-c", script);
        Assert.Equal(1, damaged.ExitCode);
        Assert.Contains("not installed: ", damaged.Error);
        Assert.Contains("is damaged", damaged.Error);
        await _debian.Shell("mv /srv/sums /srv/SHA256SUMS");

        Assert.Contains("7/7 answer   done", await _debian.Shell(script));

        Assert.Equal("kcehc", await _debian.Ask("check"));
        Assert.Equal("", await _debian.Shell("ls /tmp | grep tmp. || true"));
        // As it comes through a pipe, cut off in the middle.
        await _debian.Shell("head --bytes 2000 /srv/install.sh | bash || true; hotcore msg check");
        Assert.Contains("set HOTCORE_BASE_URL", (await _debian.Run("bash", "/srv/install.sh")).Error);
        Assert.Contains("cannot be downloaded", (await _debian.Run("env", "HOTCORE_BASE_URL=file:///nowhere", "bash", "/srv/install.sh")).Error);
        const string elsewhere = "uname() { if [ \"$1\" = -m ]; then echo riscv64; else echo Linux; fi; }; export -f uname; ";
        Assert.Contains("this machine is riscv64", (await _debian.Run("bash", "-c", elsewhere + script)).Error);
    }

    [Fact]
    public async Task The_package_installs_upgrades_and_goes_again()
    {
        var deb = $"/srv/hotcore_{_version}_$(dpkg --print-architecture).deb";
        Assert.Contains("7/7 answer   done", await _debian.Shell($"dpkg --install {deb}"));
        await _debian.MapApp();

        var newer = _version[..^1] + (char)(_version[^1] + 1);
        var program = Path.Combine(_release.FullName, "newer");
        await OtherVersion.Make(newer, program);
        await Package(program, newer);
        var arch = await _debian.Shell("dpkg --print-architecture");
        File.Copy(Path.Combine(_release.FullName, $"hotcore_{newer}_{arch}.deb"), _debian["/srv/newer.deb"]);
        await _debian.Shell("dpkg --install /srv/newer.deb");
        Assert.Equal(newer, await _debian.Ask("version"));

        var older = await _debian.Run("sh", "-c", $"dpkg --install {deb}");
        Assert.NotEqual(0, older.ExitCode);
        Assert.Contains($"hotcore {newer} is installed, which is newer", older.All);
        Assert.Equal(newer, await _debian.Ask("version"));
        await _debian.ExpectApp();

        await _debian.Shell("dpkg --remove hotcore");
        Assert.Null(await _debian.Ask("check"));
        Assert.True(File.Exists(_debian["/opt/hotcore/mappings"]));
        await _debian.Shell("dpkg --purge hotcore");
        Assert.False(Directory.Exists(_debian["/opt/hotcore"]));
        Assert.NotEqual(0, (await _debian.Run("getent", "passwd", "hotcore")).ExitCode);
    }

    private async Task Package(string program, string version)
    {
        var script = Path.Combine(HotcoreBinary.Repository, "packaging", "package.sh");
        var arch = (await Finished.Run("uname", ["-m"])).Output.Trim();
        // Packed quickly, not well.
        var environment = new Dictionary<string, string> { ["XZ_OPT"] = "-0" };
        var packed = await Finished.Run(script, [program, version, arch, _release.FullName], environment, TimeSpan.FromMinutes(3));
        Assert.True(packed.ExitCode == 0, packed.All);
    }
}

/// <summary>Every script of the repository, as bash and shellcheck read it.</summary>
public class Scripts
{
    public static TheoryData<string> All { get; } =
    [
        .. from path in Directory.EnumerateFiles(HotcoreBinary.Repository, "*", SearchOption.AllDirectories)
           let name = Path.GetRelativePath(HotcoreBinary.Repository, path)
           where !name.StartsWith("artifacts/") && !name.StartsWith(".git/") && IsScript(path)
           orderby name
           select name,
    ];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Is_read_without_a_complaint(string name)
    {
        var path = Path.Combine(HotcoreBinary.Repository, name);

        var parsed = await Finished.Run("bash", ["-n", path]);
        Assert.True(parsed.ExitCode == 0, parsed.All);
        var checked_ = await Finished.Run("shellcheck", [path]);
        Assert.True(checked_.ExitCode == 0, checked_.All);
    }

    [Fact]
    public async Task So_is_the_completion_that_hotcore_writes()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, (await HotcoreBinary.Run("generate", "bash")).Output);
            var checked_ = await Finished.Run("shellcheck", [file]);
            Assert.True(checked_.ExitCode == 0, checked_.All);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static bool IsScript(string path)
    {
        using var file = new StreamReader(path);
        var first = new char[40];
        var start = new string(first, 0, file.ReadBlock(first));
        return start.StartsWith("#!") && start.Split('\n')[0] is "#!/usr/bin/env bash" or "#!/bin/bash" or "#!/bin/sh";
    }
}

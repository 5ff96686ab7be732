namespace Hotcore.EndToEndTests.Harness;

/// <summary>What the tests of the installation do with hotcore in a booted Debian.</summary>
public static class InstalledHotcore
{
    /// <summary>Runs an install, of the program at /root/hotcore unless told otherwise, that has to end well.</summary>
    public static async Task<string> Install(this BootedDebian debian, string program = "/root/hotcore")
    {
        var finished = await debian.Run(program, "install");
        TestContext.Current.TestOutputHelper?.WriteLine(finished.All);
        if (finished.ExitCode != 0)
            Assert.Fail($"the install ended with {finished.ExitCode}:\n{finished.All}\n{await debian.Journal()}");
        return finished.Output;
    }

    /// <summary>Runs an install that has to fail with a reason, and returns all it printed.</summary>
    public static async Task<string> InstallInVain(this BootedDebian debian, string program = "/root/hotcore")
    {
        var finished = await debian.Run(program, "install");
        TestContext.Current.TestOutputHelper?.WriteLine(finished.All);
        Assert.Equal(1, finished.ExitCode);
        return finished.All;
    }

    /// <summary>Puts the same program in it under another version number, as it is or such that it cannot serve.</summary>
    public static async Task<string> PutVersion(this BootedDebian debian, string version, bool cannotServe = false)
    {
        var path = $"/root/hotcore-{version}";
        var made = Path.GetTempFileName();
        try
        {
            await OtherVersion.Make(version, made, cannotServe);
            debian.Put(made, path);
            return path;
        }
        finally
        {
            File.Delete(made);
        }
    }

    /// <summary>
    /// Sends a message, more than once where no reply comes within the second that a command waits; null where nobody answers.
    /// </summary>
    public static async Task<string?> Ask(this BootedDebian debian, string message)
    {
        for (var tries = 0; tries < 3; tries++)
        {
            var finished = await debian.Run("/root/hotcore", "msg", message);
            if (finished.ExitCode == 0)
                return finished.Output.Trim();
        }
        return null;
    }

    /// <summary>Waits until systemd has heard so many more times that the service is alive.</summary>
    public static async Task UntilBeats(this BootedDebian debian, int count)
    {
        for (var (since, last) = (Environment.TickCount64, ""); count >= 0; await Task.Delay(100))
        {
            Assert.True(Environment.TickCount64 - since < 30_000, $"the service falls silent:\n{await debian.Journal()}");
            var heard = await debian.Shell("systemctl show --property WatchdogTimestampMonotonic --value hotcore");
            if (heard != last)
                (since, last, count) = (Environment.TickCount64, heard, count - 1);
        }
    }

    /// <summary>Waits until the service answers, as some version.</summary>
    public static async Task UntilAnswers(this BootedDebian debian, string? version = null)
    {
        for (var started = Environment.TickCount64; Environment.TickCount64 - started < 30_000; await Task.Delay(50))
        {
            if (await debian.Ask("version") is { } answer && (version is null || answer == version))
                return;
        }
        Assert.Fail($"hotcore {version} does not answer:\n{await debian.Journal()}");
    }

    /// <summary>Maps a domain, again where the command has given up waiting for the reply, which does no harm.</summary>
    public static async Task Map(this BootedDebian debian, string domain, int port)
    {
        for (var started = Environment.TickCount64; ; await Task.Delay(50))
        {
            var finished = await debian.Run("/root/hotcore", "add", domain, $"{port}");
            if (finished.ExitCode == 0)
                return;
            Assert.True(Environment.TickCount64 - started < 30_000, $"{finished.All}\n{await debian.Journal()}");
        }
    }

    /// <summary>Starts an app that answers with a word, and maps a domain to it.</summary>
    public static async Task MapApp(this BootedDebian debian, string domain = "a.example.com", int port = 3000)
    {
        debian.PutText("hello from the app", "/srv/app/index.html");
        await debian.Shell(
            $"systemd-run --quiet --unit app-{port} --working-directory /srv/app python3 -m http.server --bind 127.0.0.1 {port}");
        await debian.Map(domain, port);
        await debian.ExpectApp(domain);
    }

    /// <summary>One request through hotcore has to reach the app.</summary>
    public static async Task ExpectApp(this BootedDebian debian, string domain = "a.example.com") =>
        Assert.Equal("hello from the app", await debian.Shell(
            $"curl --silent --show-error --fail --retry 5 --retry-connrefused --retry-delay 1 --header 'Host: {domain}' http://127.0.0.1/"));

    public static async Task<string> Journal(this BootedDebian debian) =>
        (await debian.Run("journalctl", "--unit", "hotcore", "--lines", "40", "--no-pager", "--output", "cat")).All;
}

/// <summary>The tests that boot a Debian, one after the other: each is a machine of its own.</summary>
[CollectionDefinition(nameof(Machines))]
public sealed class Machines;

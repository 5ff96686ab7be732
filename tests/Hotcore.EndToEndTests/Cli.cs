using System.Net;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>The commands as a user types them: what they print, where, and their exit status.</summary>
public class Cli(SharedHotcore shared) : HotcoreTest(shared)
{
    private static readonly string[] Commands =
        ["install", "uninstall", "add", "remove", "list", "msg", "log", "help", "version", "license", "credits", "serve"];

    [Fact]
    public void The_start_prints_version_mode_addresses_and_ready()
    {
        Assert.Matches(@"^hotcore \d+\.\d+\.\d+ \(local mode, data /\S+\)$", Hotcore.Banner[0]);
        Assert.Contains(Hotcore.DataFolder, Hotcore.Banner[0]);
        Assert.Matches(@"^http    127\.0\.0\.1:\d+$", Hotcore.Banner[1]);
        Assert.Matches(@"^https   127\.0\.0\.1:\d+$", Hotcore.Banner[2]);
        Assert.Matches(@"^control 127\.0\.0\.1:\d+$", Hotcore.Banner[3]);
        Assert.Matches(@"^control \[::1\]:\d+$", Hotcore.Banner[4]);
        Assert.Equal("ready", Hotcore.Banner[^1]);
        Assert.Equal(Hotcore.ControlAddress.Port, Hotcore.ControlAddress6.Port);
    }

    [Fact]
    public async Task Add_list_and_remove_work_and_exit_with_0()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = Hotcore.NewDomain();

        Assert.Equal(0, (await Hotcore.Run("add", domain, upstream.Port.ToString())).ExitCode);
        Assert.Equal("GET /typed", (await Hotcore.Get(domain, "/typed")).Text);
        var list = await Hotcore.Run("list");
        Assert.Equal(0, list.ExitCode);
        Assert.Contains($"{domain} {upstream.Port}", list.Output.Split('\n'));
        Assert.Equal(0, (await Hotcore.Run("remove", domain)).ExitCode);
        Assert.Equal(404, (await Hotcore.Get(domain)).Status);
    }

    [Fact]
    public async Task The_control_port_may_come_from_the_environment()
    {
        var environment = new Dictionary<string, string> { ["HOTCORE_CONTROL_PORT"] = Hotcore.ControlPort };

        var finished = await Finished.Run(HotcoreBinary.Path, ["msg", "check"], environment);

        Assert.Equal((0, "kcehc"), (finished.ExitCode, finished.Output.Trim()));
    }

    [Fact]
    public async Task A_refusal_goes_to_standard_error_and_exits_with_1()
    {
        var finished = await Hotcore.Run("add", "https://typed.example.com/", "8080");

        Assert.Equal(1, finished.ExitCode);
        Assert.Contains("use: typed.example.com", finished.Error);
        Assert.Equal("", finished.Output.Trim());
    }

    [Fact]
    public async Task A_port_out_of_range_is_refused()
    {
        var finished = await Hotcore.Run("add", "refused.example.com", "65536");

        Assert.True(finished.ExitCode is 1 or 2, $"exit status {finished.ExitCode}");
        Assert.NotEqual("", finished.Error.Trim());
        Assert.DoesNotContain(await Hotcore.List(), mapping => mapping.Domain == "refused.example.com");
    }

    [Theory]
    [InlineData("add")]
    [InlineData("add", "a.example.com")]
    [InlineData("add", "a.example.com", "8080", "extra")]
    [InlineData("remove")]
    [InlineData("msg")]
    [InlineData("no-such-command")]
    [InlineData("list", "--no-such-option")]
    [InlineData("serve", "--http-port", "no-number")]
    public async Task Wrong_usage_exits_with_2(params string[] arguments)
    {
        var finished = await HotcoreBinary.Run(arguments);

        Assert.Equal(2, finished.ExitCode);
        Assert.NotEqual("", finished.Error.Trim());
    }

    [Theory]
    [InlineData("add", "a.example.com", "8080")]
    [InlineData("remove", "a.example.com")]
    [InlineData("list")]
    [InlineData("msg", "check")]
    public async Task A_hotcore_that_does_not_run_is_told_and_exits_with_3(params string[] arguments)
    {
        // Bound and never read: a port that surely nobody answers on.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port.ToString();

        var finished = await HotcoreBinary.Run([.. arguments, "--control-port", port]);

        Assert.Equal(3, finished.ExitCode);
        Assert.Contains("hotcore is not running", finished.Error);
        Assert.Matches("systemctl|hotcore serve|hotcore install", finished.Error);
    }

    [Fact]
    public async Task A_closed_control_port_means_not_running_too()
    {
        using var reserved = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        reserved.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)reserved.LocalEndPoint!).Port.ToString();
        reserved.Dispose();

        Assert.Equal(3, (await HotcoreBinary.Run("list", "--control-port", port)).ExitCode);
    }

    [Fact]
    public async Task Msg_sends_its_text_and_prints_the_reply()
    {
        var domain = Hotcore.NewDomain();

        Assert.Equal("kcehc", (await Hotcore.Run("msg", "check")).Output.Trim());
        Assert.Equal($"ok {domain} 8080", (await Hotcore.Run("msg", $"add {domain} 8080")).Output.Trim());
        Assert.Contains((domain, 8080), await Hotcore.List());
        Assert.Contains("error ", (await Hotcore.Run("msg", "nonsense")).All);
    }

    [Fact]
    public async Task Version_prints_the_version()
    {
        var finished = await HotcoreBinary.Run("version");

        Assert.Equal((0, Hotcore.Version), (finished.ExitCode, finished.Output.Trim()));
    }

    [Fact]
    public async Task License_prints_the_licence()
    {
        var finished = await HotcoreBinary.Run("license");
        var licence = await File.ReadAllTextAsync(Path.Combine(HotcoreBinary.Repository, "LICENSE"));

        Assert.Equal(0, finished.ExitCode);
        Assert.Contains(licence.Trim(), finished.Output);
    }

    [Fact]
    public async Task Credits_names_each_component_with_its_licence()
    {
        var finished = await HotcoreBinary.Run("credits");

        Assert.Equal(0, finished.ExitCode);
        Assert.Contains(".NET", finished.Output);
        Assert.Contains("System.CommandLine", finished.Output);
        Assert.Contains("MIT", finished.Output);
    }

    [Theory]
    [InlineData("help")]
    [InlineData("--help")]
    public async Task Help_lists_the_commands_and_messages(string argument)
    {
        var finished = await HotcoreBinary.Run(argument);

        Assert.Equal(0, finished.ExitCode);
        Assert.All(Commands, command => Assert.Matches($@"\b{command}\b", finished.Output));
        Assert.Contains("list after", finished.Output);
        Assert.Contains("check", finished.Output);
    }

    [Theory]
    [InlineData("add", "port")]
    [InlineData("remove", "domain")]
    [InlineData("list", "domain")]
    [InlineData("serve", "--http-port")]
    public async Task Each_command_explains_itself(string command, string word)
    {
        var finished = await HotcoreBinary.Run(command, "--help");

        Assert.Equal(0, finished.ExitCode);
        Assert.Contains(word, finished.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Output_to_a_pipe_has_no_colour()
    {
        foreach (var arguments in new[] { new[] { "list" }, [], ["help"] })
            Assert.DoesNotContain('\u001b', (await Hotcore.Run(arguments)).All);
    }

    [Fact]
    public async Task Output_that_cannot_be_written_is_one_line_and_exit_status_1()
    {
        var finished = await Finished.Run(
            "bash", ["-c", "exec \"$0\" license > /dev/full", HotcoreBinary.Path]);

        Assert.Equal(1, finished.ExitCode);
        Assert.Single(finished.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Serve_serves_although_nobody_can_read_what_it_prints()
    {
        var folder = Directory.CreateTempSubdirectory("hotcore-e2e-");
        await using var serve = ChildProcess.Start(
            "bash",
            ["-c", "exec \"$0\" serve --local --data \"$1\" --bind 127.0.0.1 --http-port 0 --https-port 0 --control-port 0 > /dev/full",
                HotcoreBinary.Path, folder.FullName]);
        await Wait.Until(() => serve.Error.Contains("cannot be written"), "a line that says so");

        serve.Signal(ChildProcess.Terminate);
        Assert.Equal(0, await serve.WaitForExit());
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Log_follows_the_log_file()
    {
        await using var log = ChildProcess.Start(
            HotcoreBinary.Path, ["log", "--control-port", Hotcore.ControlPort]);
        var domain = await Hotcore.AddNewDomain(8080);

        while (await log.ReadLine() is { } line)
        {
            if (line.Contains(domain))
                return;
        }
        Assert.Fail($"`hotcore log` ended. It wrote: {log.Error}");
    }
}

/// <summary>The bare `hotcore`. Its own processes, because its exit status depends on every mapping.</summary>
public class CliStatus
{
    [Fact]
    public async Task Exits_with_0_while_all_is_well()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var upstream = TestUpstream.Repeating();
        await hotcore.Add("a.example.com", upstream.Port);

        var status = await hotcore.Run();

        Assert.Equal(0, status.ExitCode);
        Assert.Contains(hotcore.Version, status.Output);
        Assert.Contains("local", status.Output);
        Assert.Contains("a.example.com", status.Output);
        Assert.Contains(upstream.Port.ToString(), status.Output);
        Assert.Contains(hotcore.Http.ToString(), status.Output);
    }

    [Fact]
    public async Task Says_what_needs_attention_and_does_not_exit_with_0()
    {
        await using var dead = TestUpstream.RepeatingLater();
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Add("dead.example.com", dead.Port);

        var status = await hotcore.Run();

        Assert.NotEqual(0, status.ExitCode);
        Assert.Contains("dead.example.com", status.All);
        Assert.Contains(dead.Port.ToString(), status.All);
    }

    [Fact]
    public async Task Says_when_hotcore_does_not_run()
    {
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Kill();

        var status = await hotcore.Run();

        Assert.Equal(3, status.ExitCode);
        Assert.Contains("not running", status.All);
    }

    [Fact]
    public async Task A_second_serve_on_the_same_ports_says_what_is_wrong_and_ends()
    {
        await using var hotcore = await RunningHotcore.Start();
        var folder = Directory.CreateTempSubdirectory("hotcore-e2e-");

        var second = await HotcoreBinary.Run(
            "serve", "--local", "--data", folder.FullName, "--bind", "127.0.0.1",
            "--http-port", hotcore.Http.Port.ToString(), "--https-port", "0", "--control-port", hotcore.ControlPort);

        folder.Delete(recursive: true);
        Assert.NotEqual(0, second.ExitCode);
        Assert.Matches($"{hotcore.Http.Port}|{hotcore.ControlPort}", second.All);
        Assert.Equal("kcehc", await hotcore.Control("check"));
    }
}

using System.Text;
using Xunit;

namespace Hotcore.Cli;

public sealed class CommandLineTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private Daemon _daemon = null!;

    private int ControlPort => _daemon.ControlEndPoints[0].Port;

    private string Port => ControlPort.ToString();

    public async ValueTask InitializeAsync() =>
        _daemon = await Daemon.StartAsync(
            new DaemonOptions(true, new Paths(_folder["data"]), null, 0, 0, 0), logEcho: null);

    public async ValueTask DisposeAsync()
    {
        await _daemon.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public void Add_list_and_remove_say_what_is_so()
    {
        using var app = AppListener.Open(ControlPort, out var port);
        Assert.Equal(
            (0, "no-such-port.com → port 1\n", "nothing listens on port 1 yet: start the app\n"),
            Run("add", "NO-such-port.com", "1"));
        Assert.Equal((0, $"a.com → port {port}\n", ""), Run("add", "a.com", $"{port}"));
        Assert.Equal((0, $"a.com {port}\nno-such-port.com 1\n", ""), Run("list"));
        Assert.Equal((0, $"a.com            {port}\nno-such-port.com 1\n", ""), RunInteractive("list"));
        Assert.Equal((0, "a.com is not mapped any more\n", ""), Run("remove", "a.com"));
        Assert.Equal((0, "no-such-port.com 1\n", ""), RunAsGiven("--control-port", Port, "list"));
    }

    [Fact]
    public async Task A_long_list_is_followed_page_by_page()
    {
        var client = new Control.ControlClient(ControlPort, TimeSpan.FromSeconds(20));
        string[] domains = [.. Enumerable.Range(0, 4000).Select(i => $"a-rather-long-name-{i:d4}.example.com")];
        await Parallel.ForEachAsync(domains, (domain, _) =>
        {
            Assert.Equal($"ok {domain} 80", client.Ask($"add {domain} 80"));
            return ValueTask.CompletedTask;
        });
        Assert.Equal(string.Concat(domains.Select(domain => $"{domain} 80\n")), Run("list").Output);
    }

    [Fact]
    public void A_refusal_prints_the_reason_and_exits_1()
    {
        (var exitCode, var output, var error) = Run("add", "https://a.com/", "80");
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Equal("'https://a.com/' is not a domain: leave out the scheme; use: a.com\n", error);
        Assert.Equal(1, Run("msg", "hello").ExitCode);
    }

    [Theory]
    [InlineData("bogus")]
    [InlineData("add", "a.com")]
    [InlineData("add", "a.com", "80", "90")]
    [InlineData("list", "--bogus")]
    [InlineData("list", "--control-port", "0")]
    [InlineData("serve", "--http-port", "65536")]
    [InlineData("serve", "--bind", "a.com")]
    [InlineData("serve", "--data", "")]
    [InlineData("msg")]
    [InlineData("msg", "")]
    [InlineData("help", "bogus")]
    [InlineData("@file")]
    public void Wrong_usage_is_explained_and_exits_2(params string[] args)
    {
        (var exitCode, var output, var error) = RunAsGiven(args);
        Assert.Equal((2, ""), (exitCode, output));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void A_port_in_the_environment_that_is_none_is_wrong_usage()
    {
        var error = new StringWriter();
        Assert.Equal(2, CommandLine.Run(["list"], new Terminal(TextWriter.Null, error, false, _ => "x")));
        Assert.Equal("HOTCORE_CONTROL_PORT is 'x'; it takes a number from 1 to 65535\n", error.ToString());
    }

    [Fact]
    public async Task Without_a_running_hotcore_commands_say_how_to_start_it_and_exit_3()
    {
        var port = Port;
        await _daemon.DisposeAsync();
        string[][] commands = [[], ["list"], ["add", "a.com", "80"], ["remove", "a.com"], ["msg", "check"]];
        foreach (var args in commands)
        {
            (var exitCode, var output, var error) = RunAsGiven([.. args, "--control-port", port]);
            Assert.Equal((3, ""), (exitCode, output));
            Assert.StartsWith("hotcore is not running; start it with: ", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Status_says_in_plain_words_what_is_so_and_what_to_do()
    {
        using var app = AppListener.Open(ControlPort, out var port);
        (var exitCode, var output, _) = Run();
        Assert.Equal(0, exitCode);
        Assert.StartsWith("hotcore 0.1.0 is running in local mode, for ", output, StringComparison.Ordinal);
        Assert.Contains("hotcore add <domain> <port>", output, StringComparison.Ordinal);

        Run("add", "a.com", $"{port}");
        (exitCode, output, _) = Run();
        Assert.Equal(0, exitCode);
        Assert.Contains($"a.com → port {port,-5}  up\n\nall is well with 1 domain\n", output, StringComparison.Ordinal);

        Run("add", "b.com", "1");
        (exitCode, output, _) = Run();
        Assert.Equal(1, exitCode);
        Assert.Contains(
            "start the app, or map another port: hotcore add b.com <port>", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Colour_is_for_terminals_and_never_with_NO_COLOR()
    {
        Run("add", "b.com", "1");
        Assert.DoesNotContain('\e', Run().Output);
        Assert.Contains('\e', RunInteractive().Output);
        Assert.DoesNotContain('\e', RunOn(isInteractive: true, noColor: "1", []).Output);
    }

    [Fact]
    public void Msg_sends_its_words_and_prints_the_reply() =>
        Assert.Equal((0, "kcehc\n", ""), Run("msg", "check"));

    [Fact]
    public void Texts_are_printed_without_a_running_hotcore()
    {
        Assert.Equal((0, "0.1.0\n", ""), RunAsGiven("version"));
        Assert.StartsWith("zlib License", RunAsGiven("license").Output, StringComparison.Ordinal);
        Assert.Contains("System.CommandLine", RunAsGiven("credits").Output, StringComparison.Ordinal);
        Assert.Contains("WITHOUT WARRANTY OF ANY KIND", RunAsGiven("credits").Output, StringComparison.Ordinal);
        var help = RunAsGiven("help").Output;
        Assert.Equal(help, RunAsGiven("--help").Output);
        Assert.Contains("remove <domain>", help, StringComparison.Ordinal);
        Assert.Contains("list after <domain>  the same", help, StringComparison.Ordinal);
        Assert.Contains("Map a domain to a port", RunAsGiven("help", "add").Output, StringComparison.Ordinal);
        Assert.Equal(RunAsGiven("help", "add"), RunAsGiven("add", "--help"));
    }

    [Theory]
    [InlineData(null, 2, "sudo systemctl reload hotcore")]
    [InlineData("the main one", 2, "sudo systemctl reload hotcore")]
    [InlineData("2147483647", 1, "the old one goes on")]
    public void A_handover_without_a_process_that_hands_over_says_so(string? mainProcess, int exitCode, string error)
    {
        var said = RunWith(["hand-over"], false, name => name == "MAINPID" ? mainProcess : null);
        Assert.Equal((exitCode, ""), (said.ExitCode, said.Output));
        Assert.Contains(error, said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_words_are_read_or_refused() => Cases.Check(GenerateWords, words =>
    {
        var terminal = new Terminal(TextWriter.Null, TextWriter.Null, false, _ => null);
        Assert.NotNull(CommandLine.Parse(words.Args, terminal).CommandResult);
    });

    private static Words GenerateWords(Random random)
    {
        var args = new List<string>();
        for (var i = random.Next(6); i > 0; i--)
        {
            var word = Cases.Pick(
                random, "add", "remove", "list", "msg", "serve", "help", "a.com", "80", "--control-port",
                "--control-port=",
                "--data", "--bind", "127.0.0.1", "--local", "--local=x", "--", "-", "@x", "[suggest:1]", "[diagram]",
                "--help", "-h", "/?", "\"", "");
            var isMutated = random.Next(3) == 0;
            args.Add(isMutated ? Encoding.UTF8.GetString(Cases.Mutate(random, Encoding.UTF8.GetBytes(word))) : word);
        }
        return new Words([.. args]);
    }

    private static (int ExitCode, string Output, string Error) RunAsGiven(params string[] args) =>
        RunWith(args, isInteractive: false, _ => null);

    private static (int ExitCode, string Output, string Error) RunWith(
        string[] args, bool isInteractive, Func<string, string?> environment)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = CommandLine.Run(args, new Terminal(output, error, isInteractive, environment));
        return (exitCode, output.ToString(), error.ToString());
    }

    private (int ExitCode, string Output, string Error) Run(params string[] args) => RunOn(false, null, args);

    private (int ExitCode, string Output, string Error) RunInteractive(params string[] args) => RunOn(true, null, args);

    private (int ExitCode, string Output, string Error) RunOn(bool isInteractive, string? noColor, string[] args) =>
        RunWith(args, isInteractive, name => name switch
        {
            "HOTCORE_CONTROL_PORT" => Port,
            "NO_COLOR" => noColor,
            _ => null,
        });

    private sealed record Words(string[] Args)
    {
        public override string ToString() => string.Join(" | ", Args);
    }
}

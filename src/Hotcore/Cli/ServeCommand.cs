using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using Hotcore.Certificates.Acme;
using Hotcore.Control;

namespace Hotcore.Cli;

/// <summary><c>hotcore serve</c></summary>
internal static class ServeCommand
{
    /// <summary>The option by which it takes the place of another hotcore.</summary>
    public const string TakeOver = "--take-over";

    public static Command Create(Terminal terminal)
    {
        var local = new Option<bool>("--local") { Description = "Local mode: for development on one's own machine" };
        var data = new Option<string?>("--data") { Description = "The folder for mappings and log", HelpName = "DIR" };
        var bind = new Option<IPAddress?>("--bind")
        {
            Description = "The address to accept connections on",
            HelpName = "ADDRESS",
            CustomParser = ParseAddress,
        };
        var httpPort = CreatePortOption("--http-port", "The port for plain HTTP; 0 for any that is free");
        var httpsPort = CreatePortOption("--https-port", "The port for HTTPS; 0 for any that is free");
        var acmeDirectory = new Option<Uri?>("--acme-directory")
        {
            Description = "The ACME directory of the CA that certificates come from; Let's Encrypt unless given",
            HelpName = "URL",
            CustomParser = ParseUrl,
        };
        var acmeCa = new Option<string?>("--acme-ca")
        {
            Description = "A PEM file of roots to trust, beside the system's, for that directory's own TLS",
            HelpName = "FILE",
        };
        var controlPort = CreatePortOption(
            "--control-port",
            $"The UDP port for messages, {ControlServer.DefaultPort} unless given; 0 for any that is free");
        var takeOver = new Option<bool>(TakeOver)
        {
            Description = "Take the place of the hotcore that runs with the same data folder; no client notices",
        };
        var command = new Command("serve", "Run the proxy in the foreground")
        {
            local,
            data,
            bind,
            httpPort,
            httpsPort,
            controlPort,
            acmeDirectory,
            acmeCa,
            takeOver,
        };
        command.SetAction(arguments =>
        {
            var isLocal = Build.IsLocal || arguments.GetValue(local);
            var options = new DaemonOptions(
                isLocal,
                FindPaths(arguments.GetValue(data), isLocal, terminal),
                arguments.GetValue(bind),
                arguments.GetValue(httpPort),
                arguments.GetValue(httpsPort),
                arguments.GetValue(controlPort) ?? ControlServer.DefaultPort)
            {
                TakesOver = arguments.GetValue(takeOver),
                Acme = FindAuthority(arguments.GetValue(acmeDirectory)) with
                {
                    ExtraRootsFile = arguments.GetValue(acmeCa),
                },
            };
            return Daemon.RunAsync(options, terminal.Output, terminal.Error).GetAwaiter().GetResult();
        });
        return command;
    }

    private static Option<int?> CreatePortOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Ports.Parse(result, smallest: 0),
    };

    private static Paths FindPaths(string? folder, bool isLocal, Terminal terminal)
    {
        if (folder is null) return Paths.Default(isLocal, terminal.Environment);
        if (folder.Length == 0 || folder.Contains('\0'))
            throw new CommandFailure(ExitCode.WrongUsage, "--data takes a folder");
        return new Paths(Path.GetFullPath(folder));
    }

    private static AcmeSettings FindAuthority(Uri? directory) =>
        directory is null ? AcmeSettings.LetsEncrypt : new AcmeSettings(directory);

    private static Uri? ParseUrl(ArgumentResult result)
    {
        var word = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
        if (Uri.TryCreate(word, UriKind.Absolute, out var url) && url.Scheme is "https" or "http") return url;
        result.AddError($"'{word}' is not a URL; --acme-directory takes one, such as https://ca.example/directory");
        return null;
    }

    private static IPAddress? ParseAddress(ArgumentResult result)
    {
        var word = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
        if (IPAddress.TryParse(word, out var address)) return address;
        result.AddError($"'{word}' is not an IP address; --bind takes one, such as 127.0.0.1");
        return null;
    }
}

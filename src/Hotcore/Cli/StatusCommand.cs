using System.Globalization;

namespace Hotcore.Cli;

/// <summary><c>hotcore</c> alone: the status in plain words, and what to do next.</summary>
internal static class StatusCommand
{
    /// <summary>Returns 0 when all is well, and 1 when something needs attention.</summary>
    public static int Run(RunningHotcore hotcore, Terminal terminal)
    {
        var lines = hotcore.Ask("status").Split('\n').Select(line => line.Split(' ', 2));
        string[][] facts = [.. lines.Where(words => words.Length == 2)];
        WriteFacts(facts, terminal.Output);
        List<DomainStatus> domains = [.. hotcore.AskForAll("status domains").Select(DomainStatus.Parse)];
        var width = domains.Max(domain => (int?)domain.Name.Length) ?? 0;
        foreach (var domain in domains) Write(domain, width, terminal);
        return Conclude(domains, terminal.Output);
    }

    private static void WriteFacts(string[][] facts, TextWriter output)
    {
        var mode = Find("mode") == "local" ? " in local mode" : "";
        output.WriteLine($"hotcore {Find("version")} is running{mode}, for {FormatUptime(Find("uptime"))}");
        foreach (var fact in facts)
        {
            if (fact[0] is "http" or "https" or "control") output.WriteLine($"{fact[0],-8}{fact[1]}");
        }
        output.WriteLine($"{"log",-8}{Find("log")}");
        output.WriteLine();

        string Find(string key) => facts.FirstOrDefault(fact => fact[0] == key)?[1] ?? "?";
    }

    private static void Write(DomainStatus domain, int width, Terminal terminal)
    {
        var state = domain.IsUp ? terminal.Green("up") : terminal.Red("down");
        terminal.Output.WriteLine($"{domain.Name.PadRight(width)} → port {domain.Port,-5}  {state}{(domain.SpeaksHttps ? "  over HTTPS" : "")}{domain.Certificate}");
        if (!domain.IsUp)
        {
            var remedy = $"start the app, or map another port: hotcore add {domain.Name} <port>";
            terminal.Output.WriteLine($"    nothing listens on port {domain.Port}: {remedy}");
        }
        if (domain.Fault is not null) terminal.Output.WriteLine($"    {domain.Fault}");
        if (domain.Reason is not null) terminal.Output.WriteLine($"    {domain.Reason}");
    }

    private static int Conclude(List<DomainStatus> domains, TextWriter output)
    {
        var bad = domains.Count(domain => domain.NeedsAttention);
        if (domains.Count > 0) output.WriteLine();
        output.WriteLine((domains.Count, bad) switch
        {
            (0, _) => "no domain is mapped yet; the next step: hotcore add <domain> <port>",
            (_, 0) => $"all is well with {domains.Count} {(domains.Count == 1 ? "domain" : "domains")}",
            _ => $"{bad} of {domains.Count} {(domains.Count == 1 ? "domain" : "domains")} need attention",
        });
        return bad == 0 ? ExitCode.Ok : ExitCode.Refused;
    }

    private static string FormatUptime(string seconds)
    {
        if (!long.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var read)) return seconds;
        (var days, var hours, var minutes) = (read / 86_400, read / 3600 % 24, read / 60 % 60);
        if (days > 0) return $"{days} d {hours} h";
        if (hours > 0) return $"{hours} h {minutes} min";
        return minutes > 0 ? $"{minutes} min" : $"{read} s";
    }
}

namespace Hotcore.Cli;

/// <summary>What a command talks to: where its text goes, and what surrounds it.</summary>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="IsInteractive">Whether standard output is a terminal.</param>
/// <param name="Environment">Reads an environment variable.</param>
internal sealed record Terminal(
    TextWriter Output, TextWriter Error, bool IsInteractive, Func<string, string?> Environment)
{
    private const string NoColor = "NO_COLOR";

    private bool HasColor =>
        IsInteractive && string.IsNullOrEmpty(Environment(NoColor)) && Environment("TERM") != "dumb";

    public static Terminal OfThisProcess() =>
        new(Console.Out, Console.Error, !Console.IsOutputRedirected, System.Environment.GetEnvironmentVariable);

    public string Green(string text) => Color("32", text);

    public string Red(string text) => Color("31", text);

    private string Color(string code, string text) => HasColor ? $"\e[{code}m{text}\e[0m" : text;
}

using System.CommandLine.Parsing;
using System.Globalization;

namespace Hotcore.Cli;

/// <summary>Reads the port behind an option.</summary>
internal static class Ports
{
    public static int? Parse(ArgumentResult result, int smallest)
    {
        var word = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
        var isNumber = int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var port);
        if (isNumber && port >= smallest && port <= 65535) return port;
        var option = (result.Parent as OptionResult)?.Option.Name ?? "this option";
        result.AddError($"'{word}' is not a port; {option} takes a number from {smallest} to 65535");
        return null;
    }
}

using Hotcore.Machine;

namespace Hotcore.Installing;

/// <summary>ufw, the firewall of Ubuntu, and of many a Debian.</summary>
internal sealed class Ufw(MachineRoot machine) : IFirewall
{
    public string Name => "ufw";

    public string CommandByHand => "sudo ufw allow 80/tcp && sudo ufw allow 443/tcp";

    public bool IsInstalled() => machine.FindProgram("ufw") is not null;

    public bool IsActive() => IsInstalled()
        && Lines("status").Any(line => line.Equals("Status: active", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// Lines of rules are <c>ufw allow 80/tcp comment 'x'</c>. A rule in other words (a range, an application's name) does not
    /// count: a second rule beside it does no harm.
    /// </summary>
    public bool IsOpen(int port) => Lines("show", "added").Select(line => line.Split(' ')).Any(words =>
        words is ["ufw", "allow", var what, ..] && words.Length is 3 or > 4
        && (words.Length == 3 || words[3] == "comment")
        && (what == $"{port}" || what == $"{port}/tcp" || what == "80,443/tcp"));

    public void Open(int port) => machine.Run("ufw", "allow", $"{port}/tcp", "comment", "hotcore");

    public void Close(int port) => machine.Run("ufw", "delete", "allow", $"{port}/tcp");

    private string[] Lines(params string[] arguments) =>
        machine.Run("ufw", arguments).Split('\n', StringSplitOptions.TrimEntries);
}

namespace Hotcore.Installing;

/// <summary>A firewall that a distribution comes with.</summary>
internal interface IFirewall
{
    string Name { get; }

    /// <summary>Whether it is on this machine and at work.</summary>
    /// <exception cref="Machine.ProgramFailure">Its command does not work.</exception>
    bool IsActive();

    /// <summary>Whether its rules are on this machine, at work or not.</summary>
    bool IsInstalled();

    /// <summary>Whether everybody may reach a TCP port, now and after a restart.</summary>
    bool IsOpen(int port);

    /// <summary>Lets everybody reach a TCP port, now and after a restart.</summary>
    void Open(int port);

    /// <summary>Takes the rule of <see cref="Open"/> out again; one that is not there is fine.</summary>
    void Close(int port);

    /// <summary>What a user types to open the ports by hand.</summary>
    string CommandByHand { get; }
}

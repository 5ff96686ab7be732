namespace Hotcore.Cli;

/// <summary>How a command ends.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The running hotcore refused, or something needs attention.</summary>
    public const int Refused = 1;

    public const int WrongUsage = 2;
    public const int NotRunning = 3;
}

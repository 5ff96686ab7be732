namespace Hotcore.Installing;

/// <summary>How a step ended.</summary>
internal enum StepOutcome
{
    Done,
    AlreadySo,

    /// <summary>Not done, and not needed; the detail says why.</summary>
    LeftOut,
    Failed,
}

/// <summary>What became of one step.</summary>
/// <param name="Name">One word for the step.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What is so now; of a failure why, and what to do next.</param>
internal sealed record InstallStep(string Name, StepOutcome Outcome, string Detail);

/// <summary>Why a step failed, or an installation cannot begin, in one line that a user can act on.</summary>
internal sealed class InstallFailure(string message) : Exception(message);

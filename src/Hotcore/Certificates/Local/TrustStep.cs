namespace Hotcore.Certificates.Local;

/// <summary>How a step ended.</summary>
internal enum TrustOutcome
{
    Done,
    AlreadySo,
    Failed,
}

/// <summary>What became of one store.</summary>
/// <param name="Store">The store, in the words of a user.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">Where the store is; of a failure why, and what to do next.</param>
internal sealed record TrustStep(string Store, TrustOutcome Outcome, string Detail);

namespace Hotcore.Handover;

/// <summary>Something of which only one process may be in charge at a time.</summary>
/// <param name="Name">What it is.</param>
/// <param name="LetGoAsync">Leaves it to another process, in good order.</param>
/// <param name="TakeBackAsync">Takes it up again, as the other left it; an <see cref="IOException"/> where that fails.</param>
internal sealed record Charge(string Name, Func<Task> LetGoAsync, Func<Task> TakeBackAsync);

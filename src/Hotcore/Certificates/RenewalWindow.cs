namespace Hotcore.Certificates;

/// <summary>When a CA would like a certificate to be renewed (RFC 9773 4.2).</summary>
/// <param name="Start">The earliest time.</param>
/// <param name="End">The latest time, after the start.</param>
/// <param name="AskAgainAfter">How long the CA wants not to be asked again, or null.</param>
/// <param name="Explanation">A page that says why, where the CA gives one.</param>
internal sealed record RenewalWindow(
    DateTimeOffset Start, DateTimeOffset End, TimeSpan? AskAgainAfter, string? Explanation = null);

namespace Hotcore.Http;

/// <summary>Why hotcore answers a request by itself instead of passing it on: the status, and a sentence for whoever reads it.</summary>
internal sealed record Refusal(int Status, string Reason);

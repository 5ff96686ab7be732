namespace Hotcore.Logs;

/// <summary>What status reports and what does not change while the process runs.</summary>
internal sealed record StatusFacts(string Version, bool IsLocal, string DataFolder, string LogPath);

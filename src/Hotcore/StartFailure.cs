namespace Hotcore;

/// <summary>Why hotcore cannot start, in one line that a user can act on.</summary>
internal sealed class StartFailure(string message, Exception cause) : Exception(message, cause);

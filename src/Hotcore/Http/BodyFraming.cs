namespace Hotcore.Http;

/// <summary>How the end of a message's body is known (RFC 9112 6.3).</summary>
internal enum BodyFraming : byte
{
    /// <summary>There is no body.</summary>
    None,

    /// <summary>As many bytes as Content-Length says.</summary>
    Length,

    /// <summary>Transfer-Encoding: chunked.</summary>
    Chunked,

    /// <summary>Everything until the connection ends; for responses only.</summary>
    UntilClose,
}

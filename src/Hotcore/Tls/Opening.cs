namespace Hotcore.Tls;

/// <summary>
/// What a connection begins with, where that looks like HTTP: kept for whoever serves it, since OpenSSL has taken it for the first
/// record by then. Of a connection that begins as TLS does, nothing is kept.
/// </summary>
internal struct Opening
{
    private byte[]? _bytes;
    private int _taken;
    private bool _hasBegun;

    /// <summary>Its first byte begins a method of HTTP. A handshake begins with 22, an alert with 21 (RFC 8446 5.1).</summary>
    public readonly bool IsHttp => _bytes is not null;

    /// <summary>Looks at what came, in its order.</summary>
    public void Note(ReadOnlySpan<byte> received)
    {
        if (_hasBegun ? IsHttp : char.IsAsciiLetterUpper((char)received[0]))
            _bytes = [.. _bytes ?? [], .. received];
        _hasBegun = true;
    }

    /// <summary>Gives the bytes back, once; returns how many.</summary>
    public int TakeTo(Span<byte> buffer)
    {
        var rest = _bytes.AsSpan(_taken);
        var length = Math.Min(buffer.Length, rest.Length);
        rest[..length].CopyTo(buffer);
        _taken += length;
        return length;
    }
}

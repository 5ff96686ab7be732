using System.Security.Cryptography;

namespace Hotcore.Http;

/// <summary>
/// Where the frames of a WebSocket end (RFC 6455 5.2), for one direction of it whose bytes pass in pieces of any size. Looks at
/// the frames' heads alone, and judges nothing.
/// </summary>
internal struct WebSocketFrames
{
    /// <summary>Why a server, or what stands before it, closes when it stops (RFC 6455 7.4.1).</summary>
    public const ushort GoingAway = 1001;

    private const byte Final = 0x80;
    private const byte Masked = 0x80;
    private const byte OpcodeBits = 0x0F;
    private const byte Close = 0x08;
    private const int KeyBytes = 4;

    private int _headPassed;
    private int _lengthEnd;
    private int _headEnd;
    private ulong _payloadLeft;

    /// <summary>The last frame that began has ended, so that another one may follow.</summary>
    public readonly bool IsAtBoundary => _headPassed == 0;

    /// <summary>A Close frame has begun: no other frame may follow it (RFC 6455 5.5.1).</summary>
    public bool HasClosed { get; private set; }

    /// <summary>Takes note of <paramref name="bytes"/>, all of which pass.</summary>
    public void Pass(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[PassFrame(bytes)..];
    }

    /// <summary>Takes note of those first <paramref name="bytes"/> that belong to one frame, begun or next; returns how many.</summary>
    public int PassFrame(ReadOnlySpan<byte> bytes)
    {
        var passed = 0;
        while (passed < bytes.Length && (_headPassed < 2 || _headPassed < _headEnd))
            PassHead(bytes[passed++]);
        var payload = (int)Math.Min(_payloadLeft, (ulong)(bytes.Length - passed));
        _payloadLeft -= (ulong)payload;
        if (_payloadLeft == 0 && _headPassed == _headEnd)
            _headPassed = 0;
        return passed + payload;
    }

    /// <summary>A Close frame with that status; masked, as a client's are, with a key that nobody can foresee (RFC 6455 5.3).</summary>
    public static byte[] MakeClose(ushort status, bool isMasked)
    {
        var (high, low) = ((byte)(status >> 8), (byte)status);
        if (!isMasked)
            return [Final | Close, sizeof(ushort), high, low];
        Span<byte> key = stackalloc byte[KeyBytes];
        RandomNumberGenerator.Fill(key);
        return [Final | Close, Masked | sizeof(ushort), .. key, (byte)(high ^ key[0]), (byte)(low ^ key[1])];
    }

    private void PassHead(byte value)
    {
        _headPassed++;
        if (_headPassed == 1)
            HasClosed |= (value & OpcodeBits) == Close;
        else if (_headPassed == 2)
            BeginLength(value);
        else if (_headPassed <= _lengthEnd)
            _payloadLeft = _payloadLeft << 8 | value;
    }

    private void BeginLength(byte value)
    {
        var length = value & ~Masked;
        _lengthEnd = 2 + length switch { 126 => sizeof(ushort), 127 => sizeof(ulong), _ => 0 };
        _headEnd = _lengthEnd + ((value & Masked) != 0 ? KeyBytes : 0);
        _payloadLeft = _lengthEnd > 2 ? 0 : (ulong)length;
    }
}

using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hotcore.Http;

/// <summary>The fields hotcore itself looks at; everything else passes as <see cref="Other"/>.</summary>
internal enum KnownField : byte
{
    Other,
    Accept,
    Connection,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,

    /// <summary>One of the X- fields below with '_' for '-', which applications behind CGI-like interfaces take for the same.</summary>
    ForwardedLookalike,

    Host,
    Http2Settings,
    KeepAlive,
    Location,
    ProxyConnection,
    SecWebSocketAccept,
    SecWebSocketKey,
    TE,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    XRealIP,
}

/// <summary>From a field's name as received to the <see cref="KnownField"/>.</summary>
internal static class FieldNames
{
    /// <summary>
    /// Finds the field by name, which is a token, without regard to case (RFC 9110 5.1).
    /// </summary>
    public static KnownField Identify(ReadOnlySpan<byte> name) => name.Length switch
    {
        2 => Match(name, "te"u8, KnownField.TE),
        3 => Match(name, "via"u8, KnownField.Via),
        4 => (name[0] | 0x20) == 'h'
            ? Match(name, "host"u8, KnownField.Host)
            : Match(name, "date"u8, KnownField.Date),
        6 => (name[0] | 0x20) switch
        {
            'a' => Match(name, "accept"u8, KnownField.Accept),
            'c' => Match(name, "cookie"u8, KnownField.Cookie),
            _ => Match(name, "expect"u8, KnownField.Expect),
        },
        7 => (name[0] | 0x20) == 'u'
            ? Match(name, "upgrade"u8, KnownField.Upgrade)
            : Match(name, "trailer"u8, KnownField.Trailer),
        8 => Match(name, "location"u8, KnownField.Location),
        9 => (name[0] | 0x20) == 'x'
            ? MatchForwarded(name, "x-real-ip"u8, KnownField.XRealIP)
            : Match(name, "forwarded"u8, KnownField.Forwarded),
        10 => (name[0] | 0x20) == 'c'
            ? Match(name, "connection"u8, KnownField.Connection)
            : Match(name, "keep-alive"u8, KnownField.KeepAlive),
        12 => Match(name, "content-type"u8, KnownField.ContentType),
        14 => (name[0] | 0x20) == 'c'
            ? Match(name, "content-length"u8, KnownField.ContentLength)
            : Match(name, "http2-settings"u8, KnownField.Http2Settings),
        15 => MatchForwarded(name, "x-forwarded-for"u8, KnownField.XForwardedFor),
        16 => (name[0] | 0x20) == 'x'
            ? MatchForwarded(name, "x-forwarded-host"u8, KnownField.XForwardedHost)
            : Match(name, "proxy-connection"u8, KnownField.ProxyConnection),
        17 => (name[0] | 0x20) switch
        {
            (byte)'x' => MatchForwarded(name, "x-forwarded-proto"u8, KnownField.XForwardedProto),
            (byte)'s' => Match(name, "sec-websocket-key"u8, KnownField.SecWebSocketKey),
            _ => Match(name, "transfer-encoding"u8, KnownField.TransferEncoding),
        },
        20 => Match(name, "sec-websocket-accept"u8, KnownField.SecWebSocketAccept),
        _ => KnownField.Other,
    };

    private static KnownField Match(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lowerCase, KnownField field) =>
        EqualsLowerCase(name, lowerCase) ? field : KnownField.Other;

    private static KnownField MatchForwarded(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lowerCase, KnownField field)
    {
        if (EqualsLowerCase(name, lowerCase))
            return field;
        if (name.IndexOf((byte)'_') < 0)
            return KnownField.Other;
        Span<byte> hyphenated = stackalloc byte[name.Length];
        name.Replace(hyphenated, (byte)'_', (byte)'-');
        return EqualsLowerCase(hyphenated, lowerCase) ? KnownField.ForwardedLookalike : KnownField.Other;
    }

    // In a token the bit that tells lower case from upper makes no other byte a letter, a digit or a hyphen.
    private static bool EqualsLowerCase(ReadOnlySpan<byte> token, ReadOnlySpan<byte> lowerCase)
    {
        var last = token.Length - sizeof(ulong);
        for (var at = 0; at < last; at += sizeof(ulong))
        {
            if (!HasEight(token, lowerCase, at))
                return false;
        }

        if (last >= 0)
            return HasEight(token, lowerCase, last); // Some of them for the second time.
        for (var at = 0; at < token.Length; at++)
        {
            if ((token[at] | 0x20) != lowerCase[at])
                return false;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasEight(ReadOnlySpan<byte> token, ReadOnlySpan<byte> lowerCase, int at) =>
        (BinaryPrimitives.ReadUInt64LittleEndian(token[at..]) | 0x2020202020202020)
        == BinaryPrimitives.ReadUInt64LittleEndian(lowerCase[at..]);
}

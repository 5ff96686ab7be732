using Hotcore.Http;

namespace Hotcore.Proxying;

/// <summary>The fields that belong to one connection and end at it (RFC 9110 7.6.1).</summary>
internal static class HopByHopFields
{
    /// <summary>Whether <paramref name="field"/> of <paramref name="section"/> must not be forwarded, by its own name or because Connection names it.</summary>
    public static bool Covers(FieldSection section, in Field field, bool hasConnectionFields) => field.Known switch
    {
        KnownField.Connection or KnownField.KeepAlive or KnownField.ProxyConnection or KnownField.TE
            or KnownField.TransferEncoding or KnownField.Upgrade or KnownField.Http2Settings => true,
        // How a body ends is between us and either peer, whatever Connection says about it.
        KnownField.ContentLength => false,
        _ => hasConnectionFields && IsNamedByConnection(section, section.Name(field)),
    };

    /// <summary>
    /// Framing, routing and the forwarded fields belong into a head; in a trailer they are an attack (RFC 9110 6.5.1).
    /// </summary>
    public static bool PassesAsTrailer(in Field field) => field.Known is KnownField.Other or KnownField.Date;

    private static bool IsNamedByConnection(FieldSection section, ReadOnlySpan<byte> name)
    {
        foreach (ref readonly var field in section.Fields)
        {
            if (field.Known == KnownField.Connection && ListValue.Contains(section.Value(field), name))
                return true;
        }

        return false;
    }
}

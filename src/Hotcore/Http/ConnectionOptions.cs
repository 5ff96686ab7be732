using System.Text;

namespace Hotcore.Http;

/// <summary>What the Connection fields of a message say about the connection itself (RFC 9110 7.6.1).</summary>
/// <param name="HasClose">The sender ends the connection after this message.</param>
/// <param name="HasKeepAlive">An HTTP/1.0 sender leaves it open.</param>
/// <param name="HasUpgrade">Upgrade is meant.</param>
/// <param name="NamesFields">Other fields are named, which belong to this connection too.</param>
internal readonly record struct ConnectionOptions(bool HasClose, bool HasKeepAlive, bool HasUpgrade, bool NamesFields)
{
    public static ConnectionOptions Read(FieldSection fields)
    {
        var (hasClose, hasKeepAlive, hasUpgrade, namesFields) = (false, false, false, false);
        foreach (ref readonly var field in fields.Fields)
        {
            if (field.Known != KnownField.Connection)
                continue;
            foreach (var option in new ListValue(fields.Value(field)))
            {
                if (Ascii.EqualsIgnoreCase(option, "close"u8))
                    hasClose = true;
                else if (Ascii.EqualsIgnoreCase(option, "keep-alive"u8))
                    hasKeepAlive = true;
                else if (Ascii.EqualsIgnoreCase(option, "upgrade"u8))
                    hasUpgrade = true;
                else
                    namesFields = true;
            }
        }

        return new ConnectionOptions(hasClose, hasKeepAlive, hasUpgrade, namesFields);
    }

    /// <summary>Whether the sender leaves the connection open for another message (RFC 9112 9.3).</summary>
    public bool IsPersistent(int minorVersion) => !HasClose && (minorVersion > 0 || HasKeepAlive);
}

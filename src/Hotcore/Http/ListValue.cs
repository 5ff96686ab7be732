using System.Text;

namespace Hotcore.Http;

/// <summary>Goes through the elements of a comma-separated field value (RFC 9110 5.6.1), empty ones skipped.</summary>
internal ref struct ListValue(ReadOnlySpan<byte> value)
{
    private ReadOnlySpan<byte> _rest = value;

    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly ListValue GetEnumerator() => this;

    public bool MoveNext()
    {
        while (!_rest.IsEmpty)
        {
            var comma = _rest.IndexOf((byte)',');
            var element = comma < 0 ? _rest : _rest[..comma];
            _rest = comma < 0 ? default : _rest[(comma + 1)..];
            Current = element.Trim(" \t"u8);
            if (!Current.IsEmpty)
                return true;
        }

        return false;
    }

    /// <summary>Whether an element of one value is one of the other's too, without regard to case.</summary>
    public static bool Share(ReadOnlySpan<byte> value, ReadOnlySpan<byte> other)
    {
        foreach (var element in new ListValue(value))
        {
            if (Contains(other, element))
                return true;
        }

        return false;
    }

    /// <summary>Whether an element is <paramref name="token"/>, without regard to case.</summary>
    public static bool Contains(ReadOnlySpan<byte> value, ReadOnlySpan<byte> token)
    {
        foreach (var element in new ListValue(value))
        {
            if (Ascii.EqualsIgnoreCase(element, token))
                return true;
        }

        return false;
    }
}

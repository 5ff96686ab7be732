using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Hotcore.Mappings;

/// <summary>
/// A DNS host name, checked and normalized: lower case, no trailing dot, international names as punycode.
/// Two names that mean the same domain are equal. A value of this type is always valid, except <c>default</c>,
/// which is the empty name and equals no parsed one.
/// </summary>
internal readonly struct DomainName : IEquatable<DomainName>, IComparable<DomainName>
{
    /// <summary>The longest name, in bytes as well as characters (RFC 1035 2.3.4, without the root's dot).</summary>
    public const int MaxLength = 253;

    private const int MaxLabelLength = 63;
    private const int MaxTypedLength = 1024;

    private static readonly SearchValues<char> LabelCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_");

    private readonly string? _text;

    private DomainName(string text) => _text = text;

    /// <summary>
    /// Reads what a user typed. On refusal <paramref name="error"/> says in one line what is wrong and, where that
    /// can be told, what to type instead (<c>use: a.com</c>).
    /// </summary>
    public static bool TryParse(string text, out DomainName domain, out string error)
    {
        domain = default;
        error = FindForeignPart(text) ?? Normalize(text, out domain);
        if (error.Length == 0) return true;
        error = $"'{Clip(text)}' is not a domain: {error}";
        return false;
    }

    public int CompareTo(DomainName other) => string.CompareOrdinal(_text, other._text);

    public bool Equals(DomainName other) => string.Equals(_text, other._text, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is DomainName other && Equals(other);

    public override int GetHashCode() => _text is null ? 0 : _text.GetHashCode(StringComparison.Ordinal);

    /// <summary>The normalized name; ASCII only.</summary>
    public override string ToString() => _text ?? "";

    /// <summary>Cuts a text that is about to be quoted in a message, so that no message grows with its input.</summary>
    internal static string Clip(string text)
    {
        const int longest = 80;
        if (text.Length <= longest) return text;
        var end = char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest;
        return string.Concat(text.AsSpan(0, end), "…");
    }

    /// <summary>What a domain never has (scheme, address, path, port, user, wildcard), or null.</summary>
    private static string? FindForeignPart(string text)
    {
        if (text.Length == 0) return "it is empty; for example: a.com";
        if (text.Length > MaxTypedLength) return $"it is longer than {MaxLength} characters";
        if (text.Contains("://", StringComparison.Ordinal)) return "leave out the scheme" + Suggest(text);
        if (IPAddress.TryParse(text, out _)) return "it is an IP address; use a name that points to it, such as a.com";
        if (text.AsSpan().IndexOfAny('/', '?', '#') >= 0) return "leave out the path" + Suggest(text);
        if (text.Contains('@')) return "leave out the user" + Suggest(text);
        if (text.Contains(':')) return "leave out the port" + Suggest(text);
        if (text.Contains('*')) return "a wildcard cannot be mapped; add each name by itself, such as a.com";
        return null;
    }

    /// <summary>The host within a URL or authority, as the words "; use: a.com".</summary>
    private static string Suggest(string text)
    {
        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        var host = scheme < 0 ? text : text.AsSpan(scheme + 3);
        var end = host.IndexOfAny('/', '?', '#');
        if (end >= 0) host = host[..end];
        host = host[(host.LastIndexOf('@') + 1)..];
        var port = host.IndexOf(':');
        if (port >= 0) host = host[..port];
        var candidate = host.ToString();
        if (candidate.Length == 0 || FindForeignPart(candidate) is not null) return "; use a name such as a.com";
        return Normalize(candidate, out var domain).Length == 0
            ? $"; use: {domain}"
            : "; use a name such as a.com";
    }

    /// <summary>Returns what is wrong, or the empty text and the name.</summary>
    private static string Normalize(string text, out DomainName domain)
    {
        domain = default;
        var name = text.ToLowerInvariant();
        if (!Ascii.IsValid(name))
        {
            var wrong = EncodeInternational(ref name);
            if (wrong is not null) return wrong;
        }
        if (name.EndsWith('.')) name = name[..^1];
        var error = CheckLabels(name);
        if (error.Length == 0) domain = new DomainName(name);
        return error;
    }

    /// <summary>
    /// Puts punycode in place of international labels. hotcore runs without ICU, and with it goes the mapping step of
    /// IDNA: so only letters, digits and marks pass, upper case is lowered before, and the forms which that step
    /// would have changed (full width, ligatures, accents as characters of their own) are refused, not guessed at.
    /// </summary>
    private static string? EncodeInternational(ref string name)
    {
        name = name.Replace('\u3002', '.').Replace('\uFF0E', '.').Replace('\uFF61', '.');
        foreach (var rune in name.EnumerateRunes())
        {
            if (!rune.IsAscii && !IsInternationalCharacter(rune))
                return $"it contains the character U+{rune.Value:X4}; type it in punycode (xn--…) if it is meant";
        }
        try
        {
            name = new IdnMapping { AllowUnassigned = true }.GetAscii(name);
            return null;
        }
        catch (ArgumentException)
        {
            return "a label is empty, or too long in punycode";
        }
    }

    /// <summary>Wider than what may be typed: whoever registered a name, of emoji say, knows its punycode.</summary>
    private static bool MayStandInALabel(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.PrivateUse or UnicodeCategory.SpaceSeparator
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.UppercaseLetter
            or UnicodeCategory.TitlecaseLetter);

    private static bool IsInternationalCharacter(Rune rune)
    {
        var isOtherForm = rune.Value is
            (>= 0x0300 and <= 0x036F) or (>= 0xFB00 and <= 0xFB06) or (>= 0xFF00 and <= 0xFFFF);
        if (isOtherForm) return false;
        return Rune.GetUnicodeCategory(rune) is UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.DecimalDigitNumber;
    }

    /// <summary>
    /// The rules of RFC 1123 2.1, on a name in lower-case ASCII; and underscores, which DNS allows (RFC 2181 11) and which names
    /// made of other names often have, such as those of containers.
    /// </summary>
    private static string CheckLabels(string name)
    {
        if (name.Length == 0) return "it is empty; for example: a.com";
        if (name.Length > MaxLength) return $"it is longer than {MaxLength} characters";
        ReadOnlySpan<char> last = default;
        foreach (var range in name.AsSpan().Split('.'))
        {
            last = name.AsSpan()[range];
            var error = CheckLabel(last);
            if (error.Length > 0) return error;
        }
        // Browsers, resolvers and CAs take a name that ends in a number for an IPv4 address, however it is written.
        return IsNumber(last) ? "a name that ends in a number is taken for an IP address; use one such as a.com" : "";
    }

    private static string CheckLabel(ReadOnlySpan<char> label)
    {
        if (label.IsEmpty) return "there is nothing before, after or between its dots; for example: a.com";
        if (label.Length > MaxLabelLength) return $"a part between dots is longer than {MaxLabelLength} characters";
        var foreign = label.IndexOfAnyExcept(LabelCharacters);
        if (foreign >= 0)
        {
            var character = label[foreign];
            var isVisible = character is > ' ' and < '\u007f';
            var shown = isVisible ? $"'{character}'" : $"the character U+{(int)character:X4}";
            return $"it contains {shown}; a name is letters, digits, hyphens, underscores and dots";
        }
        if (label[0] == '-' || label[^1] == '-') return "a part begins or ends with a hyphen";
        return label.StartsWith("xn--") && !IsPunycode(label)
            ? $"'{label}' stands for no international name; type the name itself, such as bücher.example"
            : "";
    }

    /// <summary>Whether a label that says so is the punycode of something, in the one way it may be written (RFC 5891 4.4, 5.4).</summary>
    private static bool IsPunycode(ReadOnlySpan<char> label)
    {
        try
        {
            var name = new IdnMapping { AllowUnassigned = true }.GetUnicode(label.ToString());
            return name.EnumerateRunes().All(MayStandInALabel);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static bool IsNumber(ReadOnlySpan<char> label) =>
        !label.ContainsAnyExceptInRange('0', '9')
        || (label.StartsWith("0x") && label[2..].IndexOfAnyExcept("0123456789abcdef") < 0);
}

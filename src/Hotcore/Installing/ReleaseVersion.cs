using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hotcore.Installing;

/// <summary>
/// A version number as releases have it: three numbers and, of a preview, a name behind a hyphen. Ordered as semver.org
/// (section 11) has it; what stands behind a plus does not count.
/// </summary>
internal sealed class ReleaseVersion : IComparable<ReleaseVersion>
{
    private readonly int[] _numbers;
    private readonly string[] _preview;

    private ReleaseVersion(int[] numbers, string[] preview) => (_numbers, _preview) = (numbers, preview);

    /// <summary>Reads a version; a blank or line end around it does not matter.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ReleaseVersion? version)
    {
        version = null;
        var parts = (text ?? "").Trim().Split('+')[0].Split('-', 2);
        var words = parts[0].Split('.');
        var numbers = new int[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            if (!TryParseNumber(words[i], out numbers[i])) return false;
        }
        if (numbers.Length != 3) return false;
        var preview = parts.Length == 2 ? parts[1].Split('.') : [];
        if (preview.Any(word => word.Length == 0 || !word.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))) return false;
        version = new ReleaseVersion(numbers, preview);
        return true;
    }

    public int CompareTo(ReleaseVersion? other)
    {
        if (other is null) return 1;
        for (var i = 0; i < _numbers.Length; i++)
        {
            if (_numbers[i] != other._numbers[i]) return _numbers[i].CompareTo(other._numbers[i]);
        }
        // A release comes after its previews.
        if (_preview.Length == 0 || other._preview.Length == 0) return other._preview.Length.CompareTo(_preview.Length);
        for (var i = 0; i < Math.Min(_preview.Length, other._preview.Length); i++)
        {
            var order = CompareWords(_preview[i], other._preview[i]);
            if (order != 0) return order;
        }
        return _preview.Length.CompareTo(other._preview.Length);
    }

    private static int CompareWords(string word, string other)
    {
        var isNumber = TryParseNumber(word, out var number);
        var isOtherNumber = TryParseNumber(other, out var otherNumber);
        if (isNumber && isOtherNumber) return number.CompareTo(otherNumber);
        return isNumber == isOtherNumber ? string.CompareOrdinal(word, other) : isNumber ? -1 : 1;
    }

    private static bool TryParseNumber(string word, out int number) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

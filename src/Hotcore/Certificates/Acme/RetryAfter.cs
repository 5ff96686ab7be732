using System.Globalization;

namespace Hotcore.Certificates.Acme;

/// <summary>The Retry-After field (RFC 9110 10.2.3): seconds, or a date in any of the three forms of HTTP.</summary>
internal static class RetryAfter
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    private static readonly string[] Dates =
    [
        "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "dddd, dd-MMM-yy HH:mm:ss 'GMT'",
        "ddd MMM d HH:mm:ss yyyy",
        "ddd MMM  d HH:mm:ss yyyy",
    ];

    /// <summary>How long to wait from now: zero or more, a year at most; null where the field says nothing.</summary>
    public static TimeSpan? Parse(string? field, DateTimeOffset now)
    {
        if (string.IsNullOrEmpty(field)) return null;
        if (!field.AsSpan().ContainsAnyExceptInRange('0', '9')) return ParseSeconds(field);
        const DateTimeStyles utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (!DateTimeOffset.TryParseExact(field, Dates, CultureInfo.InvariantCulture, utc, out var date))
            return null;
        var wait = date - now;
        if (wait < TimeSpan.Zero) return TimeSpan.Zero;
        return wait < Longest ? wait : Longest;
    }

    private static TimeSpan ParseSeconds(string digits)
    {
        var fits = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds);
        return fits && seconds < Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) : Longest;
    }
}

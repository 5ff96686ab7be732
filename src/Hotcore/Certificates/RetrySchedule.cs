namespace Hotcore.Certificates;

/// <summary>When what failed is tried again: after a minute, then two, four and so on, up to six hours.</summary>
internal static class RetrySchedule
{
    /// <summary>How long after the owner asked for a new certificate the next wish is heard: five a week is what CAs grant.</summary>
    public static readonly TimeSpan BetweenWishes = TimeSpan.FromHours(1);

    private static readonly TimeSpan First = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    // A Retry-After may be a mistake, and each day that it is believed takes one from every certificate's time to be
    // renewed: of the two that are left of a certificate of six days, say. What goes for all domains is therefore
    // believed no longer than hotcore waits by itself: four requests a day are no burden to a CA in need. Nor is one
    // a day for a domain at its own limit, which at Let's Encrypt may ask for a day and a half.
    private static readonly TimeSpan LongestAskedForAll = Longest;
    private static readonly TimeSpan LongestAskedForOne = TimeSpan.FromDays(1);

    /// <summary>How long to wait.</summary>
    /// <param name="failures">How many attempts in a row have failed, 1 or more.</param>
    /// <param name="asked">What the CA asked for, or null. Never less than that, as far as it is believed.</param>
    /// <param name="concernsAllDomains">Whether the CA asked that for all domains: believed for six hours, else for a day.</param>
    /// <param name="random">Takes up to a tenth off, so that what failed together does not return together.</param>
    public static TimeSpan WaitAfter(int failures, TimeSpan? asked, bool concernsAllDomains, Random random)
    {
        var doubled = failures > 10 ? Longest : First * (1 << (failures - 1));
        var wait = (doubled < Longest ? doubled : Longest) * (1 - (0.1 * random.NextDouble()));
        var longestAsked = concernsAllDomains ? LongestAskedForAll : LongestAskedForOne;
        var wanted = asked ?? TimeSpan.Zero;
        if (wanted > longestAsked) wanted = longestAsked;
        return wanted > wait ? wanted : wait;
    }
}

namespace Hotcore.Certificates;

/// <summary>When what failed is tried again: after a minute, then two, four and so on, up to six hours.</summary>
internal static class RetrySchedule
{
    private static readonly TimeSpan First = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    // Let's Encrypt's longest limit is a week. A CA that names a later time is mistaken, or wants to be rid of us.
    private static readonly TimeSpan LongestAsked = TimeSpan.FromDays(7);

    /// <summary>How long to wait.</summary>
    /// <param name="failures">How many attempts in a row have failed, 1 or more.</param>
    /// <param name="asked">What the CA asked for, or null. Never less than that, up to a week.</param>
    /// <param name="random">Takes up to a tenth off, so that what failed together does not return together.</param>
    public static TimeSpan WaitAfter(int failures, TimeSpan? asked, Random random)
    {
        TimeSpan doubled = failures > 10 ? Longest : First * (1 << (failures - 1));
        TimeSpan wait = (doubled < Longest ? doubled : Longest) * (1 - (0.1 * random.NextDouble()));
        TimeSpan wanted = asked ?? TimeSpan.Zero;
        if (wanted > LongestAsked) wanted = LongestAsked;
        return wanted > wait ? wanted : wait;
    }
}

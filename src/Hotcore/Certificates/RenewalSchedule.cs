namespace Hotcore.Certificates;

/// <summary>When a certificate is renewed, and when the CA is asked about that.</summary>
internal static class RenewalSchedule
{
    private static readonly TimeSpan UsualCheck = TimeSpan.FromHours(6);
    private static readonly TimeSpan LongestCheck = TimeSpan.FromHours(12);
    private static readonly TimeSpan ShortestCheck = TimeSpan.FromMinutes(1);

    /// <summary>Two thirds of the lifetime, whatever that is, and up to a twentieth of it earlier.</summary>
    public static DateTimeOffset PickTime(DateTimeOffset notBefore, DateTimeOffset notAfter, Random random) =>
        notBefore + ((notAfter - notBefore) * ((2.0 / 3) - (0.05 * random.NextDouble())));

    /// <summary>
    /// A random time in the CA's window; however late that is, a tenth of the lifetime is left for what may fail.
    /// </summary>
    public static DateTimeOffset PickTime(
        DateTimeOffset notBefore, DateTimeOffset notAfter, RenewalWindow window, Random random)
    {
        var picked = window.Start + ((window.End - window.Start) * random.NextDouble());
        var latest = notAfter - ((notAfter - notBefore) / 10);
        return picked < latest ? picked : latest;
    }

    /// <summary>How long until the CA is asked again: what it wants, but twice a day at least.</summary>
    /// <param name="asked">What the CA wants, or null where it said nothing or could not be asked.</param>
    /// <param name="random">Takes up to a tenth off, so that not all certificates are asked about at once.</param>
    public static TimeSpan WaitForCheck(TimeSpan? asked, Random random)
    {
        if (asked is null) return UsualCheck * (1 - (0.1 * random.NextDouble()));
        if (asked < ShortestCheck) return ShortestCheck;
        return asked < LongestCheck ? asked.Value : LongestCheck;
    }
}

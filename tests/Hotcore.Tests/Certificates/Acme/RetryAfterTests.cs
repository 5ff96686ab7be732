using System.Globalization;
using System.Text;
using Xunit;

namespace Hotcore.Certificates.Acme;

public sealed class RetryAfterTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 8, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("120", 120)]
    [InlineData("Sun, 22 Nov 2026 08:01:00 GMT", 60)]
    [InlineData("Sunday, 22-Nov-26 08:01:00 GMT", 60)]
    [InlineData("Sun Nov 22 08:01:00 2026", 60)]
    [InlineData("Tue Dec  1 08:00:00 2026", 9 * 86400)]
    [InlineData("Sun, 22 Nov 2020 08:01:00 GMT", 0)]
    [InlineData("99999999999999999999", 366 * 86400)]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86400)]
    public void Seconds_and_dates_are_read(string field, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RetryAfter.Parse(field, Now));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("soon")]
    [InlineData("Sun, 22 Nov 2026 08:01:00 CET")]
    [InlineData("Sun, 32 Nov 2026 08:01:00 GMT")]
    public void Anything_else_says_nothing(string? field) => Assert.Null(RetryAfter.Parse(field, Now));

    [Fact]
    public void Whatever_it_says_the_wait_is_between_nothing_and_a_year() =>
        Cases.Check(
            random => Encoding.Latin1.GetString(Cases.Mutate(random, Encoding.Latin1.GetBytes(Cases.Pick(
                random,
                random.Next().ToString(CultureInfo.InvariantCulture),
                Now.AddSeconds(random.Next()).ToString("r", CultureInfo.InvariantCulture))))),
            field =>
            {
                var wait = RetryAfter.Parse(field, Now);
                Assert.True(wait is null || (wait >= TimeSpan.Zero && wait <= TimeSpan.FromDays(366)));
            });

    [Fact]
    public void The_wait_doubles_from_a_minute_to_six_hours_and_never_undercuts_what_was_asked_within_reason()
    {
        TimeSpan[] asked = [TimeSpan.Zero, TimeSpan.FromHours(3), TimeSpan.FromDays(100)];
        for (var failures = 1; failures < 1000; failures++)
        {
            var full = TimeSpan.FromMinutes(Math.Min(360, Math.Pow(2, failures - 1)));
            Assert.InRange(Wait(failures, null, false), full * 0.9, full);
            Assert.True(Wait(failures, asked[1], false) >= asked[1]);
            Assert.True(Wait(failures, asked[1], true) >= asked[1]);
            Assert.Equal(TimeSpan.FromDays(1), Wait(failures, asked[2], false));
            Assert.Equal(TimeSpan.FromHours(6), Wait(failures, asked[2], true));
        }
    }

    private static TimeSpan Wait(int failures, TimeSpan? asked, bool concernsAllDomains) =>
        RetrySchedule.WaitAfter(failures, asked, concernsAllDomains, Random.Shared);
}

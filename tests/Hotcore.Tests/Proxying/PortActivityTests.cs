using Xunit;

namespace Hotcore.Proxying;

public sealed class PortActivityTests
{
    [Fact]
    public void A_port_that_never_answered_has_not_answered_lately() =>
        Assert.False(new PortActivity().HasAnsweredWithin(8080, long.MaxValue / 2, 1_000_000));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(65535, 60_000)]
    public void An_answer_counts_for_the_time_given(int port, long age)
    {
        var activity = new PortActivity();
        activity.Answered(port, 1_000_000);

        Assert.True(activity.HasAnsweredWithin(port, 60_000, 1_000_000 + age));
        Assert.False(activity.HasAnsweredWithin(port, 60_000, 1_060_001));
        Assert.False(activity.HasAnsweredWithin(port - 1, 60_000, 1_000_000));
    }

    [Fact]
    public void A_later_answer_counts_to_the_second()
    {
        var activity = new PortActivity();
        for (long now = 1_000_000; now <= 1_100_000; now += 10)
            activity.Answered(80, now);

        Assert.True(activity.HasAnsweredWithin(80, 60_000, 1_100_000 + 59_000));
        Assert.False(activity.HasAnsweredWithin(80, 60_000, 1_100_000 + 60_001));
    }
}

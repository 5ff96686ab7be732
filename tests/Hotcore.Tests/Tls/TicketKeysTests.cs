using Xunit;

namespace Hotcore.Tls;

public sealed class TicketKeysTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void Keys_of_the_process_before_go_on_as_old_as_they_are()
    {
        var before = new TicketKeys(_clock);
        var first = before.Newest;
        _clock.Advance(TimeSpan.FromHours(12));
        var second = before.Newest;
        var after = new TicketKeys(_clock);

        after.Continue(before.Write());

        Assert.Equal(second.Name, after.Newest.Name);
        Assert.Equal(second.Cipher, after.Find(second.Name, out var isNewest)!.Cipher);
        Assert.True(isNewest);
        Assert.Equal(first.Mac, after.Find(first.Name, out isNewest)!.Mac);
        Assert.False(isNewest);
        _clock.Advance(TimeSpan.FromHours(12));
        Assert.NotEqual(second.Name, after.Newest.Name);
        _clock.Advance(TimeSpan.FromHours(13));
        Assert.Null(after.Find(first.Name, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 2 3 4")]
    [InlineData("a 00112233445566778899AABBCCDDEEFF 00 00")]
    public void What_is_no_key_is_left_aside(string written)
    {
        var keys = new TicketKeys(_clock);
        var own = keys.Newest;

        keys.Continue([written]);
        Assert.Same(own, keys.Newest);

        var others = new TicketKeys(_clock);
        keys.Continue([written, .. others.Write()]);
        Assert.Equal(others.Newest.Name, keys.Newest.Name);
    }
}

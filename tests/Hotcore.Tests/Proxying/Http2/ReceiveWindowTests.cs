using Xunit;

namespace Hotcore.Proxying.Http2;

public sealed class ReceiveWindowTests
{
    [Fact]
    public void A_peer_sends_what_it_was_granted_and_no_more()
    {
        var window = new ReceiveWindow(1000, 4000);

        Assert.True(window.TryTake(1000));
        Assert.False(window.TryTake(1));
    }

    [Fact]
    public void What_was_passed_on_is_granted_again_once_it_is_half_the_window()
    {
        var window = new ReceiveWindow(1000, 4000);
        Assert.True(window.TryTake(900));

        Assert.Equal(0, window.Return(499, mayGrow: false));
        Assert.Equal(500, window.Return(1, mayGrow: false));
        Assert.True(window.TryTake(600));
        Assert.False(window.TryTake(1));
    }

    [Fact]
    public void It_grows_while_what_comes_is_passed_on_at_once_up_to_its_bound()
    {
        var window = new ReceiveWindow(1000, 4000);
        var granted = 1000;
        var held = 0;
        for (var i = 0; i < 20; i++)
        {
            Assert.True(window.TryTake(granted));
            held = granted;
            granted = window.Return(granted, mayGrow: true);
        }

        Assert.Equal(4000, held);
    }

    [Fact]
    public void It_never_grows_for_a_reader_that_is_slow()
    {
        var window = new ReceiveWindow(1000, 4000);
        var granted = 1000;
        for (var i = 0; i < 20; i++)
        {
            Assert.True(window.TryTake(granted));
            granted = window.Return(granted, mayGrow: false);
            Assert.Equal(1000, granted);
        }
    }
}

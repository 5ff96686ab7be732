using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Proxying;

public sealed class PortStateTests
{
    private const long Now = 1_000_000;

    [Fact]
    public void A_port_that_never_answered_has_shown_no_life() =>
        Assert.False(new PortState().HasShownLifeWithin(long.MaxValue / 2, Now));

    [Theory]
    [InlineData(0)]
    [InlineData(60_000)]
    public void An_answer_is_a_sign_of_life_for_the_time_given(long age)
    {
        var port = new PortState();
        port.NoteAnswer(Now);

        Assert.True(port.HasShownLifeWithin(60_000, Now + age));
        Assert.False(port.HasShownLifeWithin(60_000, Now + 60_001));
    }

    [Fact]
    public void A_later_answer_counts_to_the_second()
    {
        var port = new PortState();
        for (var now = Now; now <= Now + 100_000; now += 10)
            port.NoteAnswer(now);

        Assert.True(port.HasShownLifeWithin(60_000, Now + 159_000));
        Assert.False(port.HasShownLifeWithin(60_000, Now + 160_001));
    }

    [Fact]
    public void The_state_of_a_port_is_its_own()
    {
        var ports = new PortStates();
        ports.Of(80).NoteAnswer(Now);
        ports.Of(443).NoteTls(isSpoken: true, Now);

        Assert.True(ports.Of(80).HasShownLifeWithin(1, Now));
        Assert.False(ports.Of(81).HasShownLifeWithin(1, Now));
        Assert.True(ports.SpeakTls(443));
        Assert.False(ports.SpeakTls(80));
    }

    [Fact]
    public void A_port_is_in_doubt_until_it_has_answered_since_its_mapping_was_made()
    {
        var port = new PortState();
        Assert.True(port.IsInDoubt(MappedBefore(TimeSpan.FromHours(1)), Now));
        port.NoteSignOfLife(Now);
        Assert.True(port.IsInDoubt(MappedBefore(TimeSpan.FromHours(1)), Now));

        port.NoteAnswer(Now);

        Assert.False(port.IsInDoubt(MappedBefore(TimeSpan.FromHours(1)), Now + 60_000));
        Assert.True(port.IsInDoubt(MappedBefore(TimeSpan.FromSeconds(30)), Now + 60_000));
        // A clock that was set back.
        Assert.False(port.IsInDoubt(MappedBefore(TimeSpan.FromHours(-1)), Now + 60_000));
    }

    [Fact]
    public void TLS_that_was_tried_in_vain_is_left_alone_for_a_while_a_shorter_one_where_nothing_has_answered_yet()
    {
        var port = new PortState();
        Assert.True(port.MayTryTls(Now));
        port.NoteTls(isSpoken: false, Now);

        Assert.False(port.MayTryTls(Now + 1_999));
        Assert.True(port.MayTryTls(Now + 2_000));

        port.NoteAnswer(Now);
        Assert.False(port.MayTryTls(Now + 9_999));
        Assert.True(port.MayTryTls(Now + 10_000));
    }

    [Fact]
    public void A_silent_app_may_speak_TLS_until_it_has_answered_and_once_it_has_failed()
    {
        var port = new PortState();
        Assert.True(port.MaySpeakTls);
        port.NoteAnswer(Now);
        Assert.False(port.MaySpeakTls);

        port.NoteFailure();
        Assert.True(port.MaySpeakTls);

        port.NoteAnswer(Now);
        port.NoteTls(isSpoken: true, Now); // Another request found out.
        Assert.True(port.MaySpeakTls);
    }

    [Fact]
    public void TLS_is_tried_anew_once_the_port_has_refused()
    {
        var port = new PortState();
        port.NoteTls(isSpoken: false, Now);
        port.NoteFailure();
        Assert.False(port.MayTryTls(Now));

        port.NoteFailure(isRefused: true);

        Assert.True(port.MayTryTls(Now));
    }

    [Fact]
    public void A_failure_casts_doubt_on_a_port_until_it_answers_again()
    {
        var port = new PortState();
        var mapping = MappedBefore(TimeSpan.FromHours(1));
        port.NoteAnswer(Now);

        port.NoteFailure();
        Assert.True(port.IsInDoubt(mapping, Now + 1));
        port.NoteAnswer(Now + 2);

        Assert.False(port.IsInDoubt(mapping, Now + 3));
    }

    [Fact]
    public void An_app_that_answers_without_TLS_speaks_it_no_more()
    {
        var port = new PortState();
        port.NoteTls(isSpoken: true, Now);
        port.NoteAnswer(Now, isTls: true);
        Assert.True(port.SpeaksTls);

        port.NoteAnswer(Now, isTls: false);

        Assert.False(port.SpeaksTls);
    }

    private static Mapping MappedBefore(TimeSpan age) =>
        new(DomainName.TryParse("a.com", out var domain, out _) ? domain : default, 8080, DateTimeOffset.UtcNow - age);
}

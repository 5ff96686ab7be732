using Xunit;

namespace Hotcore.Proxying;

public sealed class AcceptQueueTests
{
    private const long Now = 1_000_000;
    private const long Later = Now + AcceptQueue.Distance;

    private readonly AcceptQueue _queue = new();

    [Fact]
    public void Nothing_starves_where_nothing_waits()
    {
        Assert.False(_queue.HasStarving);
        _queue.NoteStarving(Now);
        Assert.False(_queue.HasStarving);
        Assert.False(_queue.IsAccepted(Now));
    }

    [Fact]
    public void A_connection_starves_until_something_comes_over_a_later_one()
    {
        _queue.BeginWait();
        _queue.NoteStarving(Now);
        Assert.True(_queue.HasStarving);

        _queue.NoteAccepted(Later);

        Assert.False(_queue.HasStarving);
        Assert.True(_queue.IsAccepted(Now));
        Assert.False(_queue.IsAccepted(Now + 1));
    }

    [Fact]
    public void A_connection_starves_no_more_when_all_have_ended_their_wait()
    {
        _queue.BeginWait();
        _queue.BeginWait();
        _queue.NoteStarving(Now);

        _queue.EndWait();
        Assert.True(_queue.HasStarving);
        _queue.EndWait();

        Assert.False(_queue.HasStarving);
    }

    [Theory]
    [InlineData(Now - 1_000)]
    [InlineData(Now)]
    [InlineData(Later - 1)]
    public void What_comes_over_an_earlier_one_or_one_of_nearly_the_same_moment_shows_nothing(long moment)
    {
        _queue.BeginWait();
        _queue.NoteStarving(Now);

        _queue.NoteAccepted(moment);

        Assert.True(_queue.HasStarving);
        Assert.False(_queue.IsAccepted(Now));
    }

    [Fact]
    public void Of_many_threads_the_latest_moment_stays()
    {
        var moments = Enumerable.Range(0, 10_000).Select(i => Now + i).ToArray();
        _queue.BeginWait();
        Parallel.ForEach(moments, _queue.NoteStarving);
        Parallel.ForEach(moments, moment => _queue.NoteAccepted(moment + AcceptQueue.Distance - 1));
        Assert.True(_queue.HasStarving);

        _queue.NoteAccepted(moments[^1] + AcceptQueue.Distance);

        Assert.False(_queue.HasStarving);
    }
}

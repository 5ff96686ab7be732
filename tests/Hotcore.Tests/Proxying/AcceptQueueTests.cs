using Xunit;

namespace Hotcore.Proxying;

public sealed class AcceptQueueTests
{
    private readonly AcceptQueue _queue = new();

    [Fact]
    public void Connections_are_numbered_in_the_order_of_opening()
    {
        Assert.False(_queue.HasStarving);
        var (first, second) = (_queue.TakeNumber(), _queue.TakeNumber());

        Assert.True(first < second);
        Assert.False(_queue.IsAccepted(first));
        _queue.NoteAccepted(first);
        Assert.True(_queue.IsAccepted(first));
        Assert.False(_queue.IsAccepted(second));
    }

    [Fact]
    public void A_connection_starves_until_something_comes_over_it()
    {
        var number = _queue.TakeNumber();
        _queue.NoteStarving(number);
        Assert.True(_queue.HasStarving);

        _queue.NoteAccepted(number);

        Assert.False(_queue.HasStarving);
    }

    [Fact]
    public void What_comes_over_a_later_connection_shows_that_the_earlier_one_was_accepted()
    {
        var (slow, later) = (_queue.TakeNumber(), _queue.TakeNumber());
        _queue.NoteStarving(slow);

        _queue.NoteAccepted(later);

        Assert.False(_queue.HasStarving);
    }

    [Fact]
    public void What_comes_over_an_earlier_connection_shows_nothing()
    {
        var (earlier, slow) = (_queue.TakeNumber(), _queue.TakeNumber());
        _queue.NoteStarving(slow);

        _queue.NoteAccepted(earlier);

        Assert.True(_queue.HasStarving);
    }

    [Fact]
    public void Of_many_threads_the_highest_number_stays()
    {
        var numbers = Enumerable.Range(0, 10_000).Select(_ => _queue.TakeNumber()).ToArray();
        Parallel.ForEach(numbers, _queue.NoteStarving);
        Parallel.ForEach(numbers[..^1], _queue.NoteAccepted);
        Assert.True(_queue.HasStarving);

        _queue.NoteAccepted(numbers[^1]);

        Assert.False(_queue.HasStarving);
    }
}

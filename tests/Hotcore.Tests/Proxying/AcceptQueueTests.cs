using Xunit;

namespace Hotcore.Proxying;

public sealed class AcceptQueueTests
{
    private readonly AcceptQueue _queue = new();

    [Fact]
    public void Connections_are_numbered_in_the_order_of_opening()
    {
        Assert.False(_queue.HasStarving);
        Assert.True(_queue.TakeNumber() < _queue.TakeNumber());
    }

    [Fact]
    public void A_connection_starves_until_it_is_answered()
    {
        var number = _queue.TakeNumber();
        _queue.NoteStarving(number);
        Assert.True(_queue.HasStarving);

        _queue.NoteAnswer(number);

        Assert.False(_queue.HasStarving);
    }

    [Fact]
    public void An_answer_over_a_later_connection_shows_that_the_earlier_one_was_accepted()
    {
        var (slow, later) = (_queue.TakeNumber(), _queue.TakeNumber());
        _queue.NoteStarving(slow);

        _queue.NoteAnswer(later);

        Assert.False(_queue.HasStarving);
    }

    [Fact]
    public void An_answer_over_an_earlier_connection_shows_nothing()
    {
        var (earlier, slow) = (_queue.TakeNumber(), _queue.TakeNumber());
        _queue.NoteStarving(slow);

        _queue.NoteAnswer(earlier);

        Assert.True(_queue.HasStarving);
    }

    [Fact]
    public void Of_many_threads_the_highest_number_stays()
    {
        var numbers = Enumerable.Range(0, 10_000).Select(_ => _queue.TakeNumber()).ToArray();
        Parallel.ForEach(numbers, _queue.NoteStarving);
        Parallel.ForEach(numbers[..^1], _queue.NoteAnswer);
        Assert.True(_queue.HasStarving);

        _queue.NoteAnswer(numbers[^1]);

        Assert.False(_queue.HasStarving);
    }
}

using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Handover;

/// <summary>Processes that are told of changes.</summary>
public sealed class FollowersTests
{
    private readonly LogLines _log = new();

    [Fact]
    public async Task What_was_told_is_known_by_all_of_them()
    {
        (HandoverLink teller, List<MappingChange> taken, Task following) first = Follow(), second = Follow();
        using (var followers = new Followers([first.teller.Socket, second.teller.Socket], _log.Write))
        {
            for (int round = 0; round < 3; round++)
            {
                MappingChange[] changes = [.. Enumerable.Range(0, 450).Select(number => Change($"d{number}.com", round + 1))];
                followers.Tell(changes);
                Assert.Equal(changes.Select(Show), first.taken.TakeLast(450).Select(Show));
                Assert.Equal(changes.Select(Show), second.taken.TakeLast(450).Select(Show));
            }
            followers.Tell([new MappingChange(Name("d1.com"), null)]);
            Assert.Null(first.taken[^1].Mapping);
            Assert.Equal(2, followers.Sockets.Count);
        }
        await Task.WhenAll(first.following, second.following);
        Assert.Empty(_log.All);
    }

    [Fact]
    public async Task One_that_has_ended_and_one_that_hangs_are_told_no_more_and_the_others_are()
    {
        (HandoverLink teller, List<MappingChange> taken, Task following) living = Follow();
        (HandoverLink ended, HandoverLink its) = HandoverLink.CreatePair();
        its.Dispose();
        (HandoverLink hanging, HandoverLink unread) = HandoverLink.CreatePair();
        using (var followers = new Followers([ended.Socket, hanging.Socket, living.teller.Socket], _log.Write))
        {
            followers.Tell([Change("a.com", 1)]);
            Assert.Single(followers.Sockets);
            Assert.Contains("said nothing", Assert.Single(_log.All), StringComparison.Ordinal);

            followers.Tell([Change("a.com", 2)]);
            Assert.Equal([1, 2], living.taken.Select(change => change.Mapping!.Port));
        }
        await living.following;
        unread.Dispose();
    }

    private static (HandoverLink Teller, List<MappingChange> Taken, Task Following) Follow()
    {
        (HandoverLink teller, HandoverLink follower) = HandoverLink.CreatePair();
        var taken = new List<MappingChange>();
        return (teller, taken, Task.Factory.StartNew(() => Followers.Follow(follower, taken.AddRange), TaskCreationOptions.LongRunning));
    }

    private static string Show(MappingChange change) => $"{change.Domain} {change.Mapping?.Port} {change.Mapping?.MadeAt}";

    private static DomainName Name(string text) => MappingSnapshotTests.Name(text);

    private static MappingChange Change(string domain, int port) =>
        new(Name(domain), new Mapping(Name(domain), port, DateTimeOffset.UnixEpoch));
}

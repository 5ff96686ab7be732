using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Handover;

/// <summary>Processes that are told of changes.</summary>
public sealed class FollowersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly LogLines _log = new();

    [Fact]
    public async Task What_was_told_is_known_by_all_of_them()
    {
        (HandoverLink teller, List<MappingChange> taken, Task following) first = Follow(), second = Follow();
        using (var followers = new Followers([first.teller.Socket, second.teller.Socket], _log.Write, Patience))
        {
            for (var round = 0; round < 3; round++)
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
        var (teller, living) = HandoverLink.CreatePair();
        var (ended, its) = HandoverLink.CreatePair();
        its.Dispose();
        var (hanging, unread) = HandoverLink.CreatePair();
        // Its first answer is there before it is waited for: it cannot be taken for one that hangs, however short the patience.
        living.Send("taken");
        using var followers = new Followers(
            [ended.Socket, hanging.Socket, teller.Socket], _log.Write, patience: TimeSpan.FromMilliseconds(20));
        followers.Tell([Change("a.com", 1)]);
        Assert.Single(followers.Sockets);
        Assert.Contains("said nothing", Assert.Single(_log.All), StringComparison.Ordinal);
        Assert.Contains("a.com 1", living.ReceiveText(Patience), StringComparison.Ordinal);

        var (taken, following) = Follow(living);
        using (var next = new Followers(followers.Sockets, _log.Write, Patience))
        {
            next.Tell([Change("a.com", 2)]);
            Assert.Equal([2], taken.Select(change => change.Mapping!.Port));
            Assert.Single(next.Sockets);
        }
        await following;
        unread.Dispose();
    }

    private static (HandoverLink Teller, List<MappingChange> Taken, Task Following) Follow()
    {
        var (teller, follower) = HandoverLink.CreatePair();
        var (taken, following) = Follow(follower);
        return (teller, taken, following);
    }

    private static (List<MappingChange> Taken, Task Following) Follow(HandoverLink link)
    {
        var taken = new List<MappingChange>();
        return (taken, Task.Factory.StartNew(() => Followers.Follow(link, taken.AddRange), TaskCreationOptions.LongRunning));
    }

    private static string Show(MappingChange change) => $"{change.Domain} {change.Mapping?.Port} {change.Mapping?.MadeAt}";

    private static DomainName Name(string text) => MappingSnapshotTests.Name(text);

    private static MappingChange Change(string domain, int port) =>
        new(Name(domain), new Mapping(Name(domain), port, DateTimeOffset.UnixEpoch));
}

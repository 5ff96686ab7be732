using Xunit;

namespace Hotcore.Certificates.Local;

public sealed class SmallTextFileTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_those_that_put_a_file_in_its_place_at_once_one_does_and_the_others_are_told()
    {
        const int threads = 8, rounds = 100;
        using var start = new Barrier(threads);
        var winners = new int[rounds, threads];
        var putting = Enumerable.Range(0, threads).Select(n => new Thread(() =>
        {
            for (var round = 0; round < rounds; round++)
            {
                start.SignalAndWait();
                winners[round, n] = SmallTextFile.TryPutInPlace(_folder[$"{round}"], $"{n}", OwnerOnly) ? 1 : 0;
            }
        })).ToList();
        putting.ForEach(thread => thread.Start());
        putting.ForEach(thread => thread.Join());

        for (var round = 0; round < rounds; round++)
        {
            var winner = Assert.Single(Enumerable.Range(0, threads), n => winners[round, n] == 1);
            Assert.Equal($"{winner}", SmallTextFile.Read(_folder[$"{round}"]));
        }
        Assert.Equal(rounds, Directory.GetFiles(_folder.Path).Length);
    }
}

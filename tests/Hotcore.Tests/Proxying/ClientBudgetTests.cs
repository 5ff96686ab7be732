using Xunit;

namespace Hotcore.Proxying;

public sealed class ClientBudgetTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(64)]
    [InlineData(1024)]
    [InlineData(1_000_000)]
    [InlineData(int.MaxValue)]
    public void Clients_leave_descriptors_for_the_apps(long limit)
    {
        var most = new ClientBudget(limit).Most;

        Assert.True(most >= 8);
        Assert.True(most <= 8 || most < limit - 64);
    }

    [Fact]
    public void There_are_never_more_clients_than_there_may_be()
    {
        var budget = new ClientBudget(300);
        for (var round = 0; round < 3; round++)
        {
            var entered = 0;
            Parallel.For(0, 4 * budget.Most, _ =>
            {
                if (budget.TryEnter())
                    Interlocked.Increment(ref entered);
            });
            Assert.Equal(budget.Most, entered);
            Assert.False(budget.TryEnter());
            for (; entered > 0; entered--)
                budget.Leave();
        }
    }
}

using Xunit;

namespace Hotcore.Proxying.Http2;

public sealed class PatienceBudgetTests
{
    [Fact]
    public void A_burst_that_honest_clients_make_is_borne()
    {
        var budget = new PatienceBudget(0);

        Assert.All(Enumerable.Range(0, 1_000), _ => Assert.True(budget.TryTake(1, 0)));
        Assert.False(budget.TryTake(1, 0));
    }

    [Fact]
    public void A_hundred_a_second_are_borne_for_ever()
    {
        var budget = new PatienceBudget(0);

        for (var now = 0L; now < 1_000_000; now += 10)
            Assert.True(budget.TryTake(1, now));
    }

    [Fact]
    public void Ten_thousand_a_second_are_not()
    {
        var budget = new PatienceBudget(0);
        var borne = 0;
        for (var now = 0L; budget.TryTake(1, now / 10); now++)
            borne++;

        Assert.InRange(borne, 1_000, 1_020);
    }

    [Fact]
    public void Whoever_takes_answers_may_ask_for_more()
    {
        var budget = new PatienceBudget(0);
        for (var i = 0; i < 100_000; i++)
        {
            Assert.True(budget.TryTake(8, 0));
            budget.CreditAnswer();
        }

        for (var i = 0; i < 100_000; i++)
        {
            Assert.True(budget.TryTake(1, 0));
            budget.CreditBytes(1_024);
        }
    }

    [Fact]
    public void One_octet_at_a_time_earns_next_to_nothing()
    {
        var budget = new PatienceBudget(0);
        var borne = 0;
        for (; budget.TryTake(1, 0) && borne < 100_000; borne++)
            budget.CreditBytes(1);

        Assert.InRange(borne, 1_000, 1_010);
    }
}

using Xunit;

namespace Hotcore.Cli;

public sealed class DomainStatusTests
{
    [Fact]
    public void A_domain_without_a_certificate_for_a_reason_is_well_and_served_over_plain_HTTP()
    {
        var domain = DomainStatus.Parse(
            "app.internal 8080 upstream up certificate none made 2026-11-22T08:00:00Z because no public CA certifies it");
        Assert.Equal("  plain HTTP only", domain.Certificate);
        Assert.Equal("no public CA certifies it", domain.Reason);
        Assert.False(domain.NeedsAttention);
    }

    [Theory]
    [InlineData("made 2026-11-22T08:00:00Z", null, null)]
    [InlineData("made 2026-11-22T08:00:00Z fault \"port 80 answered with ' because ', which is no HTTP\"", "port 80 answered with ' because ', which is no HTTP", null)]
    [InlineData("made 2026-11-22T08:00:00Z fault \"a b\" because of \"c\"", "a b", "of \"c\"")]
    [InlineData("made 2026-11-22T08:00:00Z because it is fault \"c\"", null, "it is fault \"c\"")]
    public void A_fault_stands_between_quotation_marks_before_the_reason(string rest, string? fault, string? reason)
    {
        var domain = DomainStatus.Parse($"a.com 8080 upstream up certificate none {rest}");

        Assert.Equal((fault, reason), (domain.Fault, domain.Reason));
    }

    [Fact]
    public void Where_there_is_no_HTTPS_at_all_a_domain_says_nothing_of_certificates()
    {
        var domain = DomainStatus.Parse("a.com 8080 upstream up certificate none made 2026-11-22T08:00:00Z");
        Assert.Equal("", domain.Certificate);
        Assert.False(domain.NeedsAttention);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(" because it is your own and ends at 2027-11-22T08:00:00Z", true)]
    public void A_certificate_of_the_owners_own_needs_attention_where_the_next_is_wanted(string because, bool needsAttention)
    {
        var domain = DomainStatus.Parse(
            "a.com 8080 upstream up certificate valid until 2096-11-22T08:00:00Z from owner made 2026-11-22T08:00:00Z" + because);
        Assert.Equal("  your own certificate valid until 2096-11-22 08:00:00Z", domain.Certificate);
        Assert.Equal(needsAttention, domain.NeedsAttention);
    }
}

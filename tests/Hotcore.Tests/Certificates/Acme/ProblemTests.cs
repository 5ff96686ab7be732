using System.Text;
using System.Text.Json;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Certificates.Acme;

public sealed class ProblemTests
{
    private const string Whole = """
        {"type":"urn:ietf:params:acme:error:malformed","detail":"some of the names","subproblems":
        [{"type":"urn:ietf:params:acme:error:dns","detail":"NXDOMAIN","identifier":{"type":"dns","value":"a.com"}}]}
        """;

    private const string Order = """
        {"status":"pending","expires":"2027-01-01T00:00:00Z","identifiers":[{"type":"dns","value":"a.com"}],
        "authorizations":["https://ca/authz/1"],"finalize":"https://ca/fin/1","certificate":null,"error":null}
        """;

    private static readonly DomainName Domain = RunningRenewal.Name("shop.a.com");

    [Theory]
    [InlineData("dns", "DNS for shop.a.com does not point here")]
    [InlineData("connection", "port 80 of shop.a.com cannot be reached from outside")]
    [InlineData("unauthorized", "another server answers for shop.a.com")]
    [InlineData("caa", "change its CAA record")]
    [InlineData("rateLimited", "too many requests")]
    [InlineData("rejectedIdentifier", "use a public domain name")]
    [InlineData("badCSR", "refused the certificate request")]
    [InlineData("tls", "port 443")]
    [InlineData("serverInternal", "a fault of its own")]
    [InlineData("userActionRequired", "follow the link")]
    [InlineData("unheardOf", "the CA refused shop.a.com")]
    public void A_problem_is_told_with_what_to_do_and_in_the_cas_own_words(string type, string words)
    {
        var problem = new ProblemDocument("urn:ietf:params:acme:error:" + type, "own\nwords", null);
        var text = Problem.Explain(problem, Domain, byTls: false);
        Assert.Contains(words, text, StringComparison.Ordinal);
        Assert.EndsWith("(own words)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_port_that_is_closed_is_the_one_that_was_tried()
    {
        var problem = new ProblemDocument("urn:ietf:params:acme:error:connection", null, null);
        Assert.Contains("port 443", Problem.Explain(problem, Domain, byTls: true), StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_of_a_problem_are_told_too()
    {
        var problem = Problem.Read(Encoding.UTF8.GetBytes(Whole))!;
        var text = Problem.Explain(problem, Domain, byTls: false);
        Assert.EndsWith("(some of the names; NXDOMAIN)", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("too many certificates already issued for \"a.com\"", false)]
    [InlineData("too many failed authorizations (5) for \"SHOP.A.COM\"", false)]
    [InlineData("too many new orders (300) from this account in the last 3h0m0s", true)]
    [InlineData("", true)]
    public void A_rate_limit_that_names_no_domain_is_the_accounts(string detail, bool isOfAccount) =>
        Assert.Equal(isOfAccount, Problem.IsOfAccount(new ProblemDocument(null, detail, null), Domain));

    [Fact]
    public void Any_problem_document_is_read_and_told_on_one_line_or_is_none() =>
        Cases.Check(
            random => Cases.Mutate(random, Encoding.UTF8.GetBytes(Whole)),
            json =>
            {
                var problem = Problem.Read(json);
                var text = Problem.Explain(problem, Domain, byTls: false);
                Assert.DoesNotContain(text, char.IsControl);
                Assert.InRange(text.Length, 1, 600);
                _ = Problem.MayPassOtherwise(problem);
                _ = Problem.IsOfAccount(problem, Domain);
            });

    [Theory]
    [InlineData(Order)]
    [InlineData("""{"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o","meta":{}}""")]
    [InlineData("""{"status":"valid","challenges":[{"type":"http-01","url":"https://ca/c","error":{"type":"x"}}]}""")]
    [InlineData("""{"suggestedWindow":{"start":"2026-12-01T00:00:00Z","end":"2026-12-02T00:00:00Z"}}""")]
    public void Any_json_is_a_document_or_a_failure_in_words(string whole) =>
        Cases.Check(
            random => Cases.Mutate(random, Encoding.UTF8.GetBytes(whole)),
            json =>
            {
                var answer = new AcmeAnswer(200, "application/json", json, null, null, null);
                Try(() => answer.Read(AcmeJson.Default.OrderDocument, "an order"));
                Try(() => answer.Read(AcmeJson.Default.DirectoryDocument, "for its directory"));
                Try(() => answer.Read(AcmeJson.Default.AuthorizationDocument, "an authorization"));
                Try(() => answer.Read(AcmeJson.Default.RenewalInfoDocument, "for renewal information"));
            });

    [Fact]
    public void Whole_documents_are_read()
    {
        var answer = new AcmeAnswer(200, "application/json", Encoding.UTF8.GetBytes(Order), null, null, null);
        var order = answer.Read(AcmeJson.Default.OrderDocument, "an order");
        Assert.Equal(("pending", "https://ca/fin/1", null), (order.Status, order.Finalize, order.Certificate));
        Assert.Equal(["https://ca/authz/1"], order.Authorizations);
    }

    [Fact]
    public void An_order_that_replaces_nothing_does_not_say_so() =>
        Assert.Equal(
            """{"identifiers":[{"type":"dns","value":"a.com"}]}""",
            JsonSerializer.Serialize(new OrderRequest([new("dns", "a.com")], null), AcmeJson.Default.OrderRequest));

    private static void Try(Action read)
    {
        try
        {
            read();
        }
        catch (AcmeFailure failure)
        {
            Assert.DoesNotContain(failure.Message, char.IsControl);
        }
    }
}

namespace Hotcore.EndToEndTests;

/// <summary>
/// X-Forwarded-For, -Proto, -Host and X-Real-IP, for clients on loopback (OutsideClients has the others).
/// </summary>
public class ForwardedFields(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task The_app_learns_who_asked_for_what()
    {
        var request = await Forward("");

        Assert.Equal("127.0.0.1", request.Fields["X-Forwarded-For"]);
        Assert.Equal("127.0.0.1", request.Fields["X-Real-IP"]);
        Assert.Equal("http", request.Fields["X-Forwarded-Proto"]);
        Assert.Equal(request.Fields["Host"], request.Fields["X-Forwarded-Host"]);
    }

    [Fact]
    public async Task The_app_sees_the_original_host_with_its_port()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await Hotcore.Get($"{domain}:8080");

        var request = Assert.Single(upstream.Requests);
        Assert.Equal($"{domain}:8080", request.Fields["Host"]);
        Assert.Equal($"{domain}:8080", request.Fields["X-Forwarded-Host"]);
    }

    [Fact]
    public async Task A_tunnel_on_the_same_machine_is_believed()
    {
        var request = await Forward("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
            + "X-Forwarded-Host: public.example.com\r\nX-Real-IP: 203.0.113.7\r\n");

        Assert.Equal("203.0.113.7, 127.0.0.1", request.Fields["X-Forwarded-For"]);
        Assert.Equal("https", request.Fields["X-Forwarded-Proto"]);
        Assert.Equal("public.example.com", request.Fields["X-Forwarded-Host"]);
        Assert.Equal("203.0.113.7", request.Fields["X-Real-IP"]);
    }

    [Fact]
    public async Task A_chain_of_proxies_is_appended_to_whatever_its_form()
    {
        var request = await Forward("x-forwarded-for: 203.0.113.7, 10.0.0.1\r\nX-FORWARDED-FOR: 10.0.0.2\r\n");

        var chain = string.Join(", ", request.Fields.Values("X-Forwarded-For"));
        Assert.Equal("203.0.113.7, 10.0.0.1, 10.0.0.2, 127.0.0.1", chain);
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Forwarded-Proto")]
    [InlineData("X-Forwarded-Host")]
    [InlineData("X-Real-IP")]
    public async Task Naming_our_field_in_Connection_cannot_remove_it(string field)
    {
        var request = await Forward($"Connection: {field.ToLowerInvariant()}\r\n");

        Assert.NotEqual("", request.Fields[field] ?? "");
    }

    [Fact]
    public async Task Naming_a_believed_field_in_Connection_removes_the_claim_and_not_ours()
    {
        var request = await Forward("Connection: x-forwarded-for, x-forwarded-proto\r\n"
            + "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n");

        Assert.Equal("127.0.0.1", request.Fields["X-Forwarded-For"]);
        Assert.Equal("http", request.Fields["X-Forwarded-Proto"]);
    }

    [Theory]
    [InlineData("X_Forwarded_For: 203.0.113.7\r\n")]
    [InlineData("Forwarded: for=203.0.113.7\r\n")]
    public async Task Fields_that_only_resemble_ours_do_not_change_ours(string field)
    {
        var request = await Forward(field);

        Assert.Equal("127.0.0.1", request.Fields["X-Forwarded-For"]);
    }

    [Fact]
    public async Task An_upgrade_carries_our_fields_too()
    {
        await using var upstream = TestUpstream.Echoing();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Upgrade(domain);

        Assert.Equal("127.0.0.1", upstream.Requests[0].Fields["X-Forwarded-For"]);
    }

    private async Task<ReceivedRequest> Forward(string fields)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        Assert.Equal(200, (await Hotcore.Get(domain, "/", fields)).Status);
        return Assert.Single(upstream.Requests);
    }
}

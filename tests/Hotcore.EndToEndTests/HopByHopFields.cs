namespace Hotcore.EndToEndTests;

/// <summary>Fields that are meant for one connection stay on it: RFC 9110 7.6.1.</summary>
public class HopByHopFields(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Fields_for_one_connection_do_not_reach_the_upstream()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await Hotcore.Get(domain, "/", "Connection: close, X-Hop,x-hop-2 , ,Keep-Alive\r\nConnection: X-Hop-3\r\nX-Hop: 1\r\n"
            + "X-HOP-2: 2\r\nX-Hop-3: 3\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n"
            + "Upgrade: h2c\r\nX-End: kept\r\n");

        var request = Assert.Single(upstream.Requests);
        foreach (var name in new[] { "X-Hop", "X-Hop-2", "X-Hop-3", "Keep-Alive", "Proxy-Connection", "Upgrade" })
            Assert.False(request.Fields.Has(name), $"{name} reached the upstream");
        Assert.DoesNotContain("gzip", request.Fields["TE"] ?? "");
        Assert.DoesNotContain("close", request.Fields["Connection"] ?? "");
        Assert.Equal("kept", request.Fields["X-End"]);
    }

    [Fact]
    public async Task Fields_for_one_connection_do_not_reach_the_client()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(
            "hello",
            "Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5, max=7\r\nProxy-Connection: keep-alive\r\nX-End: kept\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(domain);

        Assert.Equal("hello", response.Text);
        Assert.False(response.Fields.Has("X-Hop"));
        Assert.DoesNotContain("max=7", response.Fields["Keep-Alive"] ?? "");
        Assert.False(response.Fields.Has("Proxy-Connection"));
        Assert.DoesNotContain("x-hop", response.Fields["Connection"] ?? "");
        Assert.Equal("kept", response.Fields["X-End"]);
    }

    [Fact]
    public async Task An_app_that_wants_another_protocol_says_which_over_HTTP_1_1_alone()
    {
        await using var upstream = TestUpstream.Answering(_ =>
            "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var response = await Hotcore.Get(domain);
        var answer = await client.Get(domain);

        Assert.Equal((426, "websocket", "Upgrade"), (response.Status, response.Fields["Upgrade"], response.Fields["Connection"]));
        Assert.Equal((426, false), (answer.Status, answer.Head!.Has("upgrade")));
    }

    [Fact]
    public async Task An_upstream_that_closes_does_not_close_the_client()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send(Answers.Ok("hello", "Connection: close\r\n"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.DoesNotContain("close", (await client.Get(domain)).Fields["Connection"] ?? "");
        Assert.Equal("hello", (await client.Get(domain)).Text);
    }

    [Fact]
    public async Task Naming_Host_in_Connection_does_not_remove_it()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(domain, "/", "Connection: host\r\n");

        // Refused or served: never forwarded without its Host.
        Assert.True(response.Status is 200 or 400, response.Head.StartLine);
        Assert.All(upstream.Requests, request => Assert.Equal(domain, request.Fields["Host"]));
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nConnection: content-length", "hello")]
    [InlineData("Transfer-Encoding: chunked\r\nConnection: transfer-encoding", "5\r\nhello\r\n0\r\n\r\n")]
    public async Task Naming_a_framing_field_in_Connection_does_not_change_the_framing(string fields, string body)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"POST / HTTP/1.1\r\nHost: {domain}\r\n{fields}\r\n\r\n{body}");

        Assert.True(response is { Status: 400 } or { Text: "POST / hello" }, response.Head.StartLine + response.Text);
        Assert.Equal(200, (await Hotcore.Get(domain)).Status);
        Assert.Empty(upstream.Malformed);
    }

    [Fact]
    public async Task Other_fields_pass_both_ways_in_their_order_and_spelling()
    {
        await using var upstream = TestUpstream.Answering(_ =>
            Answers.Ok("hello", "Set-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nX-Empty:\r\nX-High: caf\u00e9\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(
            domain, "/", "Cookie: a=1\r\nCookie: b=2\r\nx-Own-Field: A  b\r\nX-Empty:\r\nX-High: caf\u00e9\r\n");

        var request = Assert.Single(upstream.Requests);
        Assert.Equal(["a=1", "b=2"], request.Fields.Values("Cookie"));
        Assert.Equal("A  b", request.Fields["X-Own-Field"]);
        Assert.Equal("", request.Fields["X-Empty"]);
        Assert.Equal("caf\u00e9", request.Fields["X-High"]);
        Assert.Equal(["a=1; Path=/", "b=2"], response.Fields.Values("Set-Cookie"));
        Assert.Equal("", response.Fields["X-Empty"]);
        Assert.Equal("caf\u00e9", response.Fields["X-High"]);
    }
}

namespace Hotcore.EndToEndTests;

/// <summary>http://… typed with the port of HTTPS, or sent there by a proxy in front.</summary>
public class PlainHttpOnTheHttpsPort(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("OPTIONS")]
    [InlineData("DELETE")]
    [InlineData("PROPFIND")]
    public async Task A_request_is_redirected_to_https(string method)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await RawClient.Connect(Hotcore.Https);

        var response = await client.Exchange($"{method} /a?b=c HTTP/1.1\r\nHost: {domain}:{Hotcore.Https.Port}\r\n\r\n");

        Assert.Equal(308, response.Status);
        Assert.Equal($"https://{domain}:{Hotcore.Https.Port}/a?b=c", response.Fields["Location"]);
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task A_request_with_a_body_is_redirected_and_its_connection_ends()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await RawClient.Connect(Hotcore.Https);

        var response = await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 300000\r\n\r\n{new string('a', 300_000)}");

        Assert.Equal((308, "close"), (response.Status, response.Fields["Connection"]));
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task A_request_that_comes_a_byte_at_a_time_is_redirected_too()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await RawClient.Connect(Hotcore.Https);

        foreach (var one in $"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n")
        {
            await client.Send(one.ToString());
            await Task.Yield();
        }

        Assert.Equal(308, (await client.Read()).Status);
    }

    [Fact]
    public async Task Requests_one_behind_another_are_redirected_each()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await RawClient.Connect(Hotcore.Https);

        for (var i = 0; i < 3; i++)
            Assert.Equal($"https://{domain}:{Hotcore.Https.Port}/{i}", (await client.Get(domain, $"/{i}")).Fields["Location"]);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n", 404)]
    [InlineData("GET / HTTP/1.1\r\n\r\n", 400)]
    [InlineData("SSH-2.0-OpenSSH_9.2p1\r\n", 400)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)]
    public async Task What_cannot_be_redirected_is_answered_plainly(string request, int status)
    {
        await using var client = await RawClient.Connect(Hotcore.Https);

        Assert.Equal(status, (await client.Exchange(request)).Status);
    }

    [Fact]
    public async Task What_is_neither_TLS_nor_HTTP_is_ended_without_a_word()
    {
        await using var client = await RawClient.Connect(Hotcore.Https);

        await client.Send("\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008");

        Assert.Equal("", await client.Reader.ReadToEnd());
    }

    [Fact]
    public async Task Curl_follows_the_redirect()
    {
        await using var upstream = TestUpstream.Repeating();
        await Hotcore.Add("plain.localhost", upstream.Port);

        var finished = await Finished.Run(
            "curl",
            ["--silent", "--show-error", "--location", "--cacert", Hotcore.LocalCaFile, "--resolve",
                $"plain.localhost:{Hotcore.Https.Port}:{Hotcore.Https.Address}",
                $"http://plain.localhost:{Hotcore.Https.Port}/page"]);

        Assert.Equal("GET /page", finished.Output.Trim());
    }
}

using System.Net;

namespace Hotcore.EndToEndTests;

/// <summary>
/// Apps that answer without reading a request's body: what is left of it in the connection is never taken for the request of
/// another client.
/// </summary>
public class UnreadBodies(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Smuggled = "GET /evil HTTP/1.1\r\nX: ";

    [Fact]
    public async Task What_Pythons_server_left_unread_is_no_other_clients_request()
    {
        await using var app = await RealApp.StartCareless(hasThreads: true);
        var domain = await Hotcore.AddNewDomain(app.Port);
        for (var i = 0; i < 20; i++)
        {
            await using var attacker = await Hotcore.Connect();
            await attacker.Send(Attack(domain));
            Assert.Equal("POST /p", (await attacker.Read()).Text);

            Assert.Equal("GET /home", (await Hotcore.Get(domain, "/home")).Text);
        }
    }

    [Theory]
    [InlineData("Content-Length: 23\r\n", Smuggled)]
    [InlineData("Transfer-Encoding: chunked\r\n", "17\r\n" + Smuggled + "\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")]
    [InlineData("Expect: 100-continue\r\nContent-Length: 23\r\n", Smuggled)]
    public async Task A_connection_that_carried_a_body_serves_its_client_alone(string framing, string body)
    {
        await using var upstream = Unreading();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send(
            $"POST /p HTTP/1.1\r\nHost: {domain}\r\n{framing}\r\n{body}GET /own HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        Assert.Equal("POST /p", (await client.ReadFinal()).Text);
        // It gets what it sent ahead, be it as garbled as it made it: nobody else does.
        await client.Read();

        Assert.Equal("GET /home", (await Hotcore.Get(domain, "/home")).Text);
        Assert.DoesNotContain("/home", upstream.Connections[0].Received);
    }

    [Fact]
    public async Task A_connection_that_carried_a_body_ends_with_its_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();
        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send(Answers.Ok("thanks"));
        Assert.Equal("thanks", (await client.Read()).Text);

        await client.DisposeAsync();

        Assert.Equal(ConnectionEnd.Closed, await connection.ExpectEnd());
    }

    [Fact]
    public async Task A_connection_that_another_client_used_before_is_its_own_after_a_body()
    {
        await using var upstream = Unreading();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send(Get(domain, "/first") + Attack(domain));
        Assert.Equal("GET /first", (await client.Read()).Text);
        Assert.Equal("POST /p", (await client.Read()).Text);
        Assert.Single(upstream.Connections);

        Assert.Equal("GET /home", (await Hotcore.Get(domain, "/home")).Text);
    }

    [Theory]
    [InlineData("X-Forwarded-For: 203.0.113.7\r\n")]
    [InlineData("Forwarded: for=203.0.113.7\r\n")]
    [InlineData("X-Real-IP: 203.0.113.7\r\n")]
    [InlineData("Via: 1.1 edge\r\n")]
    public async Task Of_a_client_that_speaks_for_many_no_connection_is_kept_that_carried_a_body(string field)
    {
        await using var upstream = Unreading();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var tunnel = await Hotcore.Connect();
        await tunnel.Send(
            $"POST /p HTTP/1.1\r\nHost: {domain}\r\n{field}Content-Length: 23\r\n\r\n{Smuggled}" + Get(domain, "/home"));

        Assert.Equal("POST /p", (await tunnel.Read()).Text);
        Assert.Equal("GET /home", (await tunnel.Read()).Text);
        Assert.Equal(2, upstream.Connections.Count);
    }

    /// <summary>Attackers and victims come and go side by side, over one and the same port of an app that reads no body.</summary>
    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    public async Task Of_1000_victims_beside_1000_attackers_none_gets_anothers_answer(ClientKind kind)
    {
        const int Count = 1_000;
        await using var upstream = Unreading();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var wrong = 0;
        var limits = new ParallelOptions { MaxDegreeOfParallelism = 32 };

        await Task.WhenAll(
            Parallel.ForEachAsync(Enumerable.Range(0, Count), limits, async (_, _) =>
                await Ask(kind, domain, HttpMethod.Post, "/p", new ByteArrayContent("GET /evil HTTP/1.1\r\nX: "u8.ToArray()))),
            Parallel.ForEachAsync(Enumerable.Range(0, Count), limits, async (i, _) =>
            {
                if (await Ask(kind, domain, HttpMethod.Get, $"/home{i}", null) != $"GET /home{i}")
                    Interlocked.Increment(ref wrong);
            }));

        Assert.Equal(0, wrong);
        Assert.Empty(upstream.Malformed);
    }

    /// <summary>Each request over a client connection of its own.</summary>
    private async Task<string> Ask(ClientKind kind, string domain, HttpMethod method, string target, HttpContent? content)
    {
        using var client = DotNetClient.For(Hotcore);
        using var request = new HttpRequestMessage(method, new Uri(DotNetClient.Site(Hotcore, domain, isTls: false), target))
        {
            Version = kind == ClientKind.Http1 ? HttpVersion.Version11 : HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        using var response = await client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private static string Get(string domain, string target) => $"GET {target} HTTP/1.1\r\nHost: {domain}\r\n\r\n";

    private static string Attack(string domain) =>
        $"POST /p HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 23\r\n\r\n{Smuggled}";

    /// <summary>An app that takes whatever follows a head for the next one.</summary>
    private static TestUpstream Unreading() => TestUpstream.Serving(async connection =>
    {
        while (await connection.Reader.ReadHead() is { } head)
            await connection.Send(Answers.Ok($"{head.Method} {head.Target}"));
    });
}

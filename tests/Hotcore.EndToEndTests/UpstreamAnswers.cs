namespace Hotcore.EndToEndTests;

/// <summary>
/// Answers that are malformed, truncated or too long: the client learns of it, and the next one is served cleanly.
/// </summary>
public class UpstreamAnswers(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

    private static readonly Dictionary<string, string> MalformedAnswers = new()
    {
        ["no HTTP at all"] = "hello\r\n\r\n",
        ["status line of another protocol"] = "HTTQ/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ["status line of HTTP/2"] = "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        ["status of two digits"] = "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        ["status of four digits"] = "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        ["status that is no number"] = "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        ["status below 100"] = "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        ["status line with two spaces"] = "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        ["leading space"] = " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ["two lengths that differ"] = Answer("Content-Length: 5\r\nContent-Length: 6", "hello"),
        ["two lengths in one line"] = Answer("Content-Length: 5, 6", "hello"),
        ["a length that is none beside Transfer-Encoding"] =
            Answer("Content-Length: x\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ["Transfer-Encoding in HTTP/1.0"] =
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ["1,001 fields"] = Answer(
            string.Concat(Enumerable.Range(0, 1_000).Select(number => $"X-{number}: a\r\n")) + "Content-Length: 5", "hello"),
        ["length +5"] = Answer("Content-Length: +5", "hello"),
        ["length -1"] = Answer("Content-Length: -1", "hello"),
        ["length beyond 64 bits"] = Answer("Content-Length: 18446744073709551621", "hello"),
        ["length empty"] = Answer("Content-Length:", "hello"),
        ["Transfer-Encoding: gzip"] = Answer("Transfer-Encoding: gzip", "hello"),
        ["Transfer-Encoding: chunked, gzip"] = Answer("Transfer-Encoding: chunked, gzip", "5\r\nhello\r\n0\r\n\r\n"),
        ["Transfer-Encoding: xchunked"] = Answer("Transfer-Encoding: xchunked", "5\r\nhello\r\n0\r\n\r\n"),
        ["Transfer-Encoding in two lines"] =
            Answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ["bare LF behind the status line"] = "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
        ["bare LF behind a field"] = Answer("X-Field: a\nContent-Length: 5", "hello"),
        ["bare CR in a value"] = Answer("X-Field: a\rb\r\nContent-Length: 5", "hello"),
        ["folded line"] = Answer("X-Field: a\r\n b\r\nContent-Length: 5", "hello"),
        ["NUL in a value"] = Answer("X-Field: a\0b\r\nContent-Length: 5", "hello"),
        ["NUL in the status line"] = "HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello",
        ["empty field name"] = Answer(": a\r\nContent-Length: 5", "hello"),
        ["field line without a colon"] = Answer("X-Field\r\nContent-Length: 5", "hello"),
        ["field name with a space"] = Answer("X Field: a\r\nContent-Length: 5", "hello"),
        ["101 that nobody asked for"] = Answers.SwitchingProtocols,
        ["101 without the protocol"] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
    };

    private static readonly Dictionary<string, string> MalformedBodies = new()
    {
        ["chunk size that is no number"] = "g\r\nhello\r\n0\r\n\r\n",
        ["chunk size 0x5"] = "0x5\r\nhello\r\n0\r\n\r\n",
        ["chunk size of 17 digits"] = "10000000000000005\r\nhello\r\n0\r\n\r\n",
        ["chunk size with a bare LF"] = "5\nhello\r\n0\r\n\r\n",
        ["chunk extension with a bare CR"] = "5;a=\rb\r\nhello\r\n0\r\n\r\n",
        ["chunk longer than its size"] = "3\r\nhello\r\n0\r\n\r\n",
        ["trailer on a folded line"] = "5\r\nhello\r\n0\r\nX-Trailer: a\r\n b\r\n\r\n",
        ["trailer with a bare LF"] = "5\r\nhello\r\n0\r\nX-Trailer: a\nX-Other: b\r\n\r\n",
    };

    public static TheoryData<string> MalformedNames => [.. MalformedAnswers.Keys];

    public static TheoryData<string> MalformedBodyNames => [.. MalformedBodies.Keys];

    [Theory]
    [MemberData(nameof(MalformedNames))]
    public async Task A_malformed_answer_becomes_502_and_its_connection_serves_nobody_else(string name)
    {
        await using var upstream = TestUpstream.Answering(request =>
            request.Target == "/malformed" ? MalformedAnswers[name] + Poison : TestUpstream.Repeat(request));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Get(domain, "/malformed");

        Assert.Equal(502, response.Status);
        Assert.DoesNotContain("poison", client.Reader.Received);
        await ExpectCleanAnswer(domain);
        Assert.All(upstream.Connections, connection => Assert.False(
            connection.Received.Contains("/malformed") && connection.Received.Contains("/clean")));
    }

    [Theory]
    [MemberData(nameof(MalformedBodyNames))]
    public async Task A_malformed_chunked_answer_is_never_a_whole_one(string name)
    {
        await using var upstream = TestUpstream.Answering(request => request.Target == "/malformed"
            ? Answer("Transfer-Encoding: chunked", MalformedBodies[name]) + Poison
            : TestUpstream.Repeat(request));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await ExpectBrokenAnswer(client, domain, "/malformed");

        await ExpectCleanAnswer(domain);
        Assert.All(upstream.Connections, connection => Assert.False(
            connection.Received.Contains("/malformed") && connection.Received.Contains("/clean")));
    }

    [Theory]
    [InlineData("Content-Length: 10\r\n\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhel")]
    public async Task A_truncated_answer_is_never_a_whole_one(string answer)
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            var request = await connection.ExpectRequest();
            await connection.Send(request.Target == "/short" ? $"HTTP/1.1 200 OK\r\n{answer}" : TestUpstream.Repeat(request));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await ExpectBrokenAnswer(client, domain, "/short");

        await ExpectCleanAnswer(domain);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    [InlineData("HTTP/1.1 200 OK\r\nX-Field: a\r\n")]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\n")]
    public async Task A_connection_that_ends_before_a_whole_head_becomes_502(string answer)
    {
        // POST: nothing that might have been processed is sent again.
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            var request = await connection.ExpectRequest();
            await connection.Send(request.Target == "/short" ? answer : TestUpstream.Repeat(request));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /short HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");

        Assert.Equal(502, (await client.ReadFinal()).Status);
        await ExpectCleanAnswer(domain);
        Assert.Equal(["POST /short", "GET /clean"], upstream.RequestLines);
    }

    [Fact]
    public async Task An_endless_head_becomes_502_and_is_not_read_to_its_end()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            var request = await connection.ExpectRequest();
            if (request.Target != "/endless")
            {
                await connection.Send(TestUpstream.Repeat(request));
                return;
            }
            await connection.Send("HTTP/1.1 200 OK\r\n");
            for (var i = 0; ; i++)
                await connection.Send($"X-Field-{i}: {new string('a', 1000)}\r\n");
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        Assert.Equal(502, (await Hotcore.Get(domain, "/endless")).Status);
        await ExpectCleanAnswer(domain);
    }

    [Fact]
    public async Task Endless_interim_answers_end_too()
    {
        var stopped = new TaskCompletionSource();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            try
            {
                for (; ; )
                    await connection.Send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
            }
            finally
            {
                stopped.TrySetResult();
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await using (var client = await Hotcore.Connect())
        {
            await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
            Assert.Equal(103, (await client.Read()).Status);
        }

        // At the latest when the client has gone.
        await Wait.For(stopped.Task, "the end of the upstream connection");
    }

    [Fact]
    public async Task Bytes_behind_an_answer_never_reach_the_next_client()
    {
        await using var upstream = TestUpstream.Answering(request =>
            request.Target == "/long" ? Answers.Ok("right") + Poison : TestUpstream.Repeat(request));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal("right", (await client.Get(domain, "/long")).Text);
        Assert.Equal("GET /same-client", (await client.Get(domain, "/same-client")).Text);
        await ExpectCleanAnswer(domain);
        Assert.All(upstream.Connections, connection => Assert.False(
            connection.Received.Contains("/long") && connection.Received.Contains("/clean")));
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 53\r\n\r\n")]
    public async Task A_body_where_none_may_be_never_reaches_the_next_client(string answer)
    {
        await using var upstream = TestUpstream.Answering(request =>
            request.Target == "/long" ? answer + Poison : TestUpstream.Repeat(request));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Empty((await client.Get(domain, "/long")).Body);
        Assert.Equal("GET /same-client", (await client.Get(domain, "/same-client")).Text);
        await ExpectCleanAnswer(domain);
    }

    [Fact]
    public async Task Bytes_that_come_while_a_connection_is_idle_never_reach_the_next_client()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var first = Hotcore.Get(domain, "/first");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send(Answers.Ok("first"));
        Assert.Equal("first", (await first).Text);
        await connection.Send(Poison);
        // hotcore gives up the connection, whether at once or when it would use it next.
        var second = Hotcore.Get(domain, "/second");
        using var next = await upstream.Accept();
        Assert.Equal("/second", (await next.ExpectRequest()).Target);
        await next.Send(Answers.Ok("second"));

        Assert.Equal("second", (await second).Text);
        Assert.DoesNotContain("/second", connection.Received);
        await connection.ExpectEnd();
    }

    private static string Answer(string fields, string body) => $"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}";

    /// <summary>Either 502, or an answer that shows to be incomplete.</summary>
    private static async Task ExpectBrokenAnswer(RawClient client, string domain, string target)
    {
        await client.Send($"GET {target} HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        if (await client.ReadHead() is { Status: not 502 } head)
            await Assert.ThrowsAsync<TruncatedMessageException>(() => client.BodyOf(head).ReadAll());
        Assert.DoesNotContain("poison", client.Reader.Received);
    }

    private async Task ExpectCleanAnswer(string domain)
    {
        var response = await Hotcore.Get(domain, "/clean");
        Assert.Equal("GET /clean", response.Text);
    }
}

using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>
/// Generated and mutated messages, 10,000 each: no crash, no hang, no unbounded memory, and nothing malformed passes.
/// </summary>
[Collection(nameof(Alone))]
public class Robustness(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Cases = 10_000;
    private const int AtOnce = 8;

    /// <summary>The same in each run, so that what passed once does not fail on another day. Any other number tries other cases.</summary>
    private const int Seed = 1;

    private static readonly string[] Answered =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=\"a\"\r\n world\r\n0\r\nX-Sum: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\nX-Field: a\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\nbytes",
        "HTTP/1.1 500 Internal Server Error\r\nConnection: close, X-Hop\r\nX-Hop: a\r\nContent-Length: 0\r\n\r\n",
    ];

    [Fact]
    public async Task Mutated_requests_harm_nobody()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        string[] requests =
        [
            $"GET /a?b=c HTTP/1.1\r\nHost: {domain}\r\nAccept: */*\r\n\r\n",
            $"GET /a HTTP/1.0\r\nHost: {domain}\r\nConnection: keep-alive\r\n\r\n",
            $"POST /a HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello",
            $"POST /a HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                + "5;ext=\"a\"\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: a\r\n\r\n",
            $"GET http://{domain}/a HTTP/1.1\r\nHost: {domain}\r\n\r\n",
            $"OPTIONS * HTTP/1.1\r\nHost: {domain}\r\n\r\n",
            $"HEAD / HTTP/1.1\r\nHost: {domain}\r\nConnection: close, X-Hop\r\nX-Hop: a\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
            $"GET /1 HTTP/1.1\r\nHost: {domain}\r\n\r\nPOST /2 HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 2\r\n\r\nok"
                + $"GET /3 HTTP/1.1\r\nHost: {domain}\r\n\r\n",
        ];
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);

        await Parallel.ForAsync(0, Cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            var request = new Mutation(Seed + number).Of(requests);
            await Described(Seed + number, request, () => SendToTheEnd(request));
        });

        await ExpectHealth(domain, rssBefore);
        Assert.True(upstream.Malformed.Count == 0, $"seed {Seed}: the upstream received {upstream.Malformed.FirstOrDefault()}");
    }

    [Fact]
    public async Task Mutated_answers_harm_nobody()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                if (!request.Target.StartsWith("/mutated/"))
                {
                    await connection.Send(TestUpstream.Repeat(request));
                    continue;
                }
                await connection.Send(new Mutation(int.Parse(request.Target["/mutated/".Length..])).Of(Answered));
                // Ends the connection: many a mutation promises more than there is.
                return;
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);

        await Parallel.ForAsync(0, Cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            if (number % 20 == 0)
                Assert.Equal($"GET /clean/{number}", (await Hotcore.Get(domain, $"/clean/{number}")).Text);
            var answer = new Mutation(Seed + number).Of(Answered);
            await Described(Seed + number, answer, () => ExpectWellFormedAnswer(domain, $"/mutated/{Seed + number}"));
        });

        await ExpectHealth(domain, rssBefore);
    }

    private static async Task Described(int seed, string message, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (Exception failed)
        {
            throw new InvalidOperationException($"seed {seed}, {WireReader.Shown(message)}: {failed.Message}", failed);
        }
    }

    /// <summary>Sends a request and the end of all requests, and reads answers to the end, which must come.</summary>
    private async Task SendToTheEnd(string request)
    {
        await using var client = await Hotcore.Connect();
        try
        {
            await client.Send(request);
            client.HalfClose();
        }
        catch (SocketException)
        {
            // Refused and closed before all was sent.
        }
        var answer = await client.Reader.ReadToEnd();
        Assert.True(answer == "" || answer.StartsWith("HTTP/1.1 "), $"answered {WireReader.Shown(answer)}");
    }

    /// <summary>A whole answer, or one that shows to be incomplete; never a malformed one.</summary>
    private async Task ExpectWellFormedAnswer(string domain, string target)
    {
        await using var client = await Hotcore.Connect();
        client.Reader.AllowsControlCharacters = true;
        await client.Send($"GET {target} HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
        try
        {
            var response = await client.ReadFinal();
            Assert.NotEqual(101, response.Status);
            await client.ReadEnd();
        }
        catch (TruncatedMessageException)
        {
            // The client can tell that it did not get everything.
        }
    }

    private async Task ExpectHealth(string domain, long rssBefore)
    {
        Assert.True(Hotcore.IsRunning);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
        Assert.Equal("kcehc", await Hotcore.Control("check"));
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 60 * Memory.MiB);
    }
}

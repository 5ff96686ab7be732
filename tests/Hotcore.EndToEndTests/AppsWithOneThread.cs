namespace Hotcore.EndToEndTests;

/// <summary>
/// Apps with one thread that keep connections: no connection that hotcore only keeps holds that thread while a request waits.
/// </summary>
public class AppsWithOneThread(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_POST_is_answered_two_seconds_after_a_GET()
    {
        await using var app = await RealApp.StartCareless(hasThreads: false);
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();
        Assert.Equal("GET /", (await client.Get(domain)).Text);
        await Task.Delay(TimeSpan.FromSeconds(2)); // The case itself: a kept connection that is too old for a POST.

        var post = client.Exchange($"POST /form HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal("POST /form", (await post).Text);
    }

    [Fact]
    public async Task A_second_client_is_answered_while_the_first_stays()
    {
        await using var app = await RealApp.StartCareless(hasThreads: false);
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var first = await Hotcore.Connect();
        // Its connection to the app carried a body, so that nobody else may take it.
        await first.Send($"POST /form HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 2\r\n\r\n\r\n");
        Assert.Equal("POST /form", (await first.Read()).Text);

        Assert.Equal("GET /second", (await Hotcore.Get(domain, "/second")).Text);
    }

    /// <summary>An app that accepts its next connection when the one before has ended, and has room for a few to wait.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Twenty_clients_that_stay_are_answered_in_turn_over_all_loops(bool isTls)
    {
        const int Rounds = 3;
        await using var app = await RealApp.StartCareless(hasThreads: false, isTls: isTls);
        var domain = await Hotcore.AddNewDomain(app.Port);
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Hotcore.Connect()));

        for (var round = 0; round < Rounds; round++)
        {
            var answers = clients.Select((client, i) => client.Get(domain, $"/{round}/{i}")).ToList();
            for (var i = 0; i < clients.Length; i++)
                Assert.Equal($"GET /{round}/{i}", (await answers[i]).Text);
        }

        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_kept_connection_ends_long_before_a_minute_has_passed()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        Assert.Equal("GET /", (await Hotcore.Get(domain)).Text);

        // Within the time that anything here may take, which is half of that minute.
        await Wait.Until(() => upstream.Connections[0].Reader.End == ConnectionEnd.Closed, "the end of a kept connection");
    }

    [Fact]
    public async Task An_app_that_accepts_while_one_request_thinks_keeps_its_connections()
    {
        var mayAnswer = new TaskCompletionSource();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                if (request.Target == "/thinks")
                    await mayAnswer.Task;
                await connection.Send(TestUpstream.Repeat(request));
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var thinking = Hotcore.Get(domain, "/thinks");
        await Wait.ToSeeThatNothingHappens();
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 50; i++)
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);

        // One for the request that thinks, one that showed that the app accepts, and those that came after seconds of a busy machine.
        Assert.InRange(upstream.Connections.Count, 2, 25);
        mayAnswer.SetResult();
        Assert.Equal("GET /thinks", (await thinking).Text);
    }
}

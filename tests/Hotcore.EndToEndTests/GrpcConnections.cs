using Grpc.Core;
using Hotcore.EndToEndTests.Talk;

namespace Hotcore.EndToEndTests;

/// <summary>Many calls, few connections, and apps that come and go.</summary>
public class GrpcConnections(SharedHotcore shared) : HotcoreTest(shared)
{
    private static DateTime Soon => DateTime.UtcNow + Wait.Limit;

    /// <summary>For a call of many steps, where the test waits for each of them only as long as for a call.</summary>
    private static DateTime Later => DateTime.UtcNow + (10 * Wait.Limit);

    [Fact]
    public async Task A_thousand_calls_share_few_connections()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var client = new Talker.TalkerClient(channel);
        var chats = Enumerable.Range(0, 50).Select(_ => client.Chat(deadline: Later)).ToList();

        // The streams stay open, beside each other, while many small calls come and go.
        for (var round = 0; round < 20; round++)
        {
            var calls = Enumerable.Range(0, 50)
                .Select(number => client.SayAsync(new Words { Number = number }, deadline: Soon).ResponseAsync);
            var answers = await Wait.For(Task.WhenAll(calls), $"the small calls of round {round}");
            Assert.Equal(Enumerable.Range(0, 50), answers.Select(answer => answer.Number));
            var messages = chats.Select(async (chat, number) =>
            {
                await chat.RequestStream.WriteAsync(new Words { Number = number });
                Assert.True(await chat.ResponseStream.MoveNext(default));
                Assert.Equal(number, chat.ResponseStream.Current.Number);
            });
            await Wait.For(Task.WhenAll(messages), $"the messages of round {round}");
        }

        Assert.InRange(app.ConnectionCount, 1, 4);
        foreach (var chat in chats)
            chat.Dispose();
    }

    [Fact]
    public async Task Calls_of_many_clients_share_few_connections()
    {
        await using var app = await GrpcApp.Start();
        var domain = await Hotcore.AddNewDomain(app.Port);
        var channels = Enumerable.Range(0, 20).Select(_ => GrpcClient.Open(Hotcore, domain)).ToList();

        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(channels.Select(async channel =>
                await new Talker.TalkerClient(channel).SayAsync(new Words { Text = "hello" }, deadline: Soon)));
        }

        // One for each of hotcore's loops, if the clients were spread over them.
        Assert.InRange(app.ConnectionCount, 1, Math.Max(10, Environment.ProcessorCount));
        foreach (var channel in channels)
            channel.Dispose();
    }

    [Fact]
    public async Task An_app_that_takes_few_streams_at_a_time_still_serves_many_calls()
    {
        await using var app = await GrpcApp.Start(limit: limits => limits.Http2.MaxStreamsPerConnection = 3);
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var client = new Talker.TalkerClient(channel);

        var calls = Enumerable.Range(0, 90)
            .Select(number => client.SayAsync(new Words { Number = number }, deadline: Soon).ResponseAsync);

        Assert.Equal(Enumerable.Range(0, 90), (await Task.WhenAll(calls)).Select(answer => answer.Number));
    }

    [Fact]
    public async Task An_app_that_restarts_between_calls_is_found_again()
    {
        var port = FreePort.Take();
        var domain = await Hotcore.AddNewDomain(port);
        using var channel = GrpcClient.Open(Hotcore, domain);
        var client = new Talker.TalkerClient(channel);

        for (var round = 0; round < 3; round++)
        {
            await using var app = await GrpcApp.Start(port);
            for (var i = 0; i < 3; i++)
                Assert.Equal(i, (await client.SayAsync(new Words { Number = i }, deadline: Soon)).Number);
        }
    }

    [Fact]
    public async Task A_call_waits_for_an_app_that_is_being_restarted()
    {
        var port = FreePort.Take();
        var domain = await Hotcore.AddNewDomain(port);
        using var channel = GrpcClient.Open(Hotcore, domain);
        var client = new Talker.TalkerClient(channel);
        await using (await GrpcApp.Start(port))
            await client.SayAsync(new Words(), deadline: Soon);

        var call = client.SayAsync(new Words { Number = 7 }, deadline: Soon).ResponseAsync;
        await Wait.ToSeeThatNothingHappens();
        await using var again = await GrpcApp.Start(port);

        Assert.Equal(7, (await call).Number);
    }

    [Fact]
    public async Task An_app_that_stops_in_good_order_finishes_its_calls_while_another_takes_over()
    {
        await using var leaving = await GrpcApp.Start();
        var domain = await Hotcore.AddNewDomain(leaving.Port);
        using var channel = GrpcClient.Open(Hotcore, domain);
        var client = new Talker.TalkerClient(channel);
        using var call = client.Chat(deadline: Soon);
        await call.RequestStream.WriteAsync(new Words { Number = 1 });
        Assert.True(await call.ResponseStream.MoveNext(default));

        // It sends GOAWAY to hotcore, and waits for what is in flight.
        var stopping = leaving.Stop();
        await using var coming = await GrpcApp.Start();
        await Hotcore.Add(domain, coming.Port);
        Assert.Equal(5, (await client.SayAsync(new Words { Number = 5 }, deadline: Soon)).Number);
        await call.RequestStream.WriteAsync(new Words { Number = 2 });
        Assert.True(await call.ResponseStream.MoveNext(default));
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(default));

        await Wait.For(stopping, "the app to stop");
        Assert.Equal(1, coming.ConnectionCount);
    }

    [Fact]
    public async Task An_app_that_is_killed_ends_the_calls_that_it_had()
    {
        var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var calls = new List<AsyncDuplexStreamingCall<Words, Words>>();
        for (var i = 0; i < 10; i++)
        {
            calls.Add(new Talker.TalkerClient(channel).Chat(deadline: Soon));
            await calls[^1].RequestStream.WriteAsync(new Words());
            Assert.True(await calls[^1].ResponseStream.MoveNext(default));
        }

        await app.DisposeAsync();

        foreach (var call in calls)
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
            Assert.NotEqual(StatusCode.DeadlineExceeded, failure.StatusCode);
            call.Dispose();
        }
    }
}

using Grpc.Core;
using Hotcore.EndToEndTests.Talk;

namespace Hotcore.EndToEndTests;

/// <summary>How calls end before their time.</summary>
public class GrpcEndings(SharedHotcore shared) : HotcoreTest(shared)
{
    private static DateTime Soon => DateTime.UtcNow + Wait.Limit;

    [Fact]
    public async Task A_deadline_reaches_the_app_and_ends_the_call_at_both_ends()
    {
        // On a busy machine the deadline may pass before the call is at the app: then the next has twice the time, until the
        // wait for the app is over before the deadline, and fails.
        var time = TimeSpan.FromSeconds(3);
        while (!await ReachesTheAppAndEndsAtBothEnds(time))
            time *= 2;
    }

    /// <summary>Whether the call was at the app before its deadline; it ends by that in either case.</summary>
    private async Task<bool> ReachesTheAppAndEndsAtBothEnds(TimeSpan time)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var client = new Talker.TalkerClient(channel);
        // All connections are there, so that the deadline passes at the app and not on the way.
        await client.SayAsync(new Words(), deadline: Soon);
        var deadline = DateTime.UtcNow + time;
        using var call = client.SayAsync(new Words { Text = "wait" }, deadline: deadline);

        var arriving = app.NextCall();
        // What leaves behind its deadline has none for the app, and may be there before the client has noticed.
        var hasArrived = await Task.WhenAny(arriving, call.ResponseAsync) == arriving && DateTime.UtcNow < deadline;
        // Without one it would be the end of time.
        if (hasArrived)
            Assert.InRange((await arriving).Deadline, deadline - time, deadline.AddSeconds(30));
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await call);

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        if (hasArrived)
            await (await arriving).ExpectCancellation();
        return hasArrived;
    }

    [Theory]
    [InlineData("unary")]
    [InlineData("server streaming")]
    [InlineData("bidirectional")]
    public async Task A_call_that_its_client_cancels_is_cancelled_at_the_app(string kind)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var client = new Talker.TalkerClient(channel);
        // Without a deadline: the app hears of it from hotcore alone.
        using var cancellation = new CancellationTokenSource();
        Task call;
        if (kind == "unary")
        {
            call = client.SayAsync(new Words { Text = "wait" }, cancellationToken: cancellation.Token).ResponseAsync;
        }
        else if (kind == "server streaming")
        {
            var counting = client.Count(new Words { Text = "wait", Number = 2 }, cancellationToken: cancellation.Token);
            Assert.True(await counting.ResponseStream.MoveNext(default));
            Assert.True(await counting.ResponseStream.MoveNext(default));
            call = counting.ResponseStream.MoveNext(default);
        }
        else
        {
            var chat = client.Chat(cancellationToken: cancellation.Token);
            await chat.RequestStream.WriteAsync(new Words { Text = "hello" });
            Assert.True(await chat.ResponseStream.MoveNext(default));
            call = chat.ResponseStream.MoveNext(default);
        }
        var atTheApp = await app.NextCall();

        await cancellation.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
        await atTheApp.ExpectCancellation();
        // What was cancelled took nothing else with it.
        Assert.Equal("you said: x", (await client.SayAsync(new Words { Text = "x" }, deadline: Soon)).Text);
    }

    [Theory]
    [InlineData(2, StatusCode.Internal)]
    [InlineData(8, StatusCode.Cancelled)]
    [InlineData(11, StatusCode.ResourceExhausted)]
    public async Task A_reset_of_the_app_reaches_the_client_as_what_it_is(int errorCode, StatusCode expected)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel).Count(
            new Words { Text = $"reset {errorCode}", Number = 1 }, deadline: Soon);

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(default))
            {
            }
        });

        Assert.Equal(expected, failure.StatusCode);
    }

    [Fact]
    public async Task A_port_at_which_nothing_answers_makes_the_service_unavailable()
    {
        await using var dead = TestUpstream.RepeatingLater();
        await using var hotcore = await OldMappings.Start(("dead.example.com", dead.Port));
        using var channel = GrpcClient.Open(hotcore, "dead.example.com");

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await new Talker.TalkerClient(channel).SayAsync(new Words(), deadline: Soon));

        // gRPC's own table makes UNAVAILABLE of a 502.
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
    }

    [Fact]
    public async Task Calls_under_way_are_finished_at_SIGTERM()
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(hotcore, await hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel).Chat(deadline: Soon);
        await call.RequestStream.WriteAsync(new Words { Number = 1 });
        Assert.True(await call.ResponseStream.MoveNext(default));

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.UntilConnectionsAreRefused();
        await call.RequestStream.WriteAsync(new Words { Number = 2 });
        Assert.True(await call.ResponseStream.MoveNext(default));
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }
}

using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Hotcore.EndToEndTests.Talk;

namespace Hotcore.EndToEndTests;

/// <summary>gRPC with a real client and a real app: every kind of call, over TLS and with prior knowledge.</summary>
public class GrpcCalls(SharedHotcore shared) : HotcoreTest(shared)
{
    public static TheoryData<bool> WithoutAndWithTls => [false, true];

    public static TheoryData<StatusCode> FailingStatusCodes =>
        [.. Enum.GetValues<StatusCode>().Where(code => code != StatusCode.OK)];

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task A_unary_call_is_answered(bool isTls)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port), isTls);
        var client = new Talker.TalkerClient(channel);

        var answer = await client.SayAsync(new Words { Text = "hello" }, deadline: Soon);

        Assert.Equal("you said: hello", answer.Text);
    }

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task A_client_streams_and_is_answered_once(bool isTls)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port), isTls);
        using var call = new Talker.TalkerClient(channel).Collect(deadline: Soon);

        for (var i = 0; i < 1000; i++)
            await call.RequestStream.WriteAsync(new Words { Data = ByteString.CopyFrom(new byte[i]) });
        await call.RequestStream.CompleteAsync();
        var answer = await call;

        Assert.Equal(1000, answer.Number);
        Assert.Equal("499500", answer.Text);
    }

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task A_client_asks_once_and_is_answered_by_a_stream(bool isTls)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port), isTls);
        using var call = new Talker.TalkerClient(channel).Count(
            new Words { Number = 1000, Data = ByteString.CopyFrom(new byte[1000]) }, deadline: Soon);

        var numbers = new List<int>();
        await foreach (var words in call.ResponseStream.ReadAllAsync())
            numbers.Add(words.Number);

        Assert.Equal(Enumerable.Range(0, 1000), numbers);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task A_thousand_messages_pass_both_ways_in_step(bool isTls)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port), isTls);
        using var call = new Talker.TalkerClient(channel).Chat(deadline: Soon);

        for (var i = 0; i < 1000; i++)
        {
            await call.RequestStream.WriteAsync(new Words { Number = i });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(i, call.ResponseStream.Current.Number);
        }
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_thousand_messages_pass_both_ways_at_full_speed()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel).Chat(deadline: Soon);
        var data = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(10_000));

        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 1000; i++)
                await call.RequestStream.WriteAsync(new Words { Number = i, Data = data });
            await call.RequestStream.CompleteAsync();
        });
        var received = 0;
        await foreach (var words in call.ResponseStream.ReadAllAsync())
        {
            Assert.Equal(received++, words.Number);
            Assert.Equal(data, words.Data);
        }
        await sending;

        Assert.Equal(1000, received);
    }

    [Theory]
    [MemberData(nameof(WithoutAndWithTls))]
    public async Task A_message_of_10_MB_comes_back_byte_for_byte(bool isTls)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port), isTls);
        var data = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(10_000_000));

        var answer = await new Talker.TalkerClient(channel).SayAsync(new Words { Data = data }, deadline: Soon);

        Assert.Equal(data, answer.Data);
    }

    [Theory]
    [MemberData(nameof(FailingStatusCodes))]
    public async Task A_status_that_comes_with_trailers_alone_reaches_the_client(StatusCode code)
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await new Talker.TalkerClient(channel).SayAsync(new Words { Text = "fail", Number = (int)code }, deadline: Soon));

        Assert.Equal(code, failure.StatusCode);
        Assert.Equal("no: ä, 100%", failure.Status.Detail);
    }

    [Fact]
    public async Task A_status_behind_messages_reaches_the_client()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel).Count(new Words { Text = "fail", Number = 3 }, deadline: Soon);

        var received = 0;
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (var words in call.ResponseStream.ReadAllAsync())
                received++;
        });

        Assert.Equal(3, received);
        Assert.Equal(StatusCode.DataLoss, failure.StatusCode);
        Assert.Equal("lost some", failure.Status.Detail);
    }

    [Fact]
    public async Task A_method_that_is_not_there_is_unimplemented()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var method = new Method<Words, Words>(
            MethodType.Unary, "talk.Talker", "Shout",
            Marshallers.Create(words => words.ToByteArray(), Words.Parser.ParseFrom),
            Marshallers.Create(words => words.ToByteArray(), Words.Parser.ParseFrom));

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await channel.CreateCallInvoker()
            .AsyncUnaryCall(method, null, new CallOptions(deadline: Soon), new Words()));

        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    [Fact]
    public async Task Metadata_passes_both_ways_in_the_head_and_in_the_trailers()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var asked = new Metadata { { "x-ask-text", "some text" }, { "x-ask-bytes-bin", [0, 1, 2, 254, 255] } };

        using var call = new Talker.TalkerClient(channel).SayAsync(new Words { Text = "head" }, asked, Soon);
        var head = await call.ResponseHeadersAsync;
        await call;

        Assert.Equal("early", head.GetValue("x-head"));
        Assert.Equal([0, 1, 255], head.GetValueBytes("x-head-bin")!);
        Assert.Equal("some text", call.GetTrailers().GetValue("x-trailer-text"));
        Assert.Equal([0, 1, 2, 254, 255], call.GetTrailers().GetValueBytes("x-trailer-bytes-bin")!);
    }

    [Fact]
    public async Task An_app_that_has_heard_enough_answers_before_the_client_has_ended()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel).Collect(deadline: Soon);

        await call.RequestStream.WriteAsync(new Words { Text = "more" });
        await call.RequestStream.WriteAsync(new Words { Text = "enough" });

        Assert.Equal("enough", (await call).Text);
    }

    /// <summary>A deadline that a test never meets; every call has one, so that none hangs.</summary>
    private static DateTime Soon => DateTime.UtcNow + Wait.Limit;
}

/// <summary>How calls end before their time.</summary>
public class GrpcEndings(SharedHotcore shared) : HotcoreTest(shared)
{
    private static DateTime Soon => DateTime.UtcNow + Wait.Limit;

    [Fact]
    public async Task A_deadline_reaches_the_app_and_ends_the_call_at_both_ends()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        using var call = new Talker.TalkerClient(channel)
            .SayAsync(new Words { Text = "wait" }, deadline: DateTime.UtcNow.AddSeconds(1));

        var atTheApp = await app.NextCall();
        Assert.InRange(atTheApp.Deadline, DateTime.UtcNow.AddSeconds(-30), DateTime.UtcNow.AddSeconds(1));
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await call);

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        await atTheApp.ExpectCancellation();
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

/// <summary>Many calls, few connections, and apps that come and go.</summary>
public class GrpcConnections(SharedHotcore shared) : HotcoreTest(shared)
{
    private static DateTime Soon => DateTime.UtcNow + Wait.Limit;

    [Fact]
    public async Task A_thousand_calls_share_few_connections()
    {
        await using var app = await GrpcApp.Start();
        using var channel = GrpcClient.Open(Hotcore, await Hotcore.AddNewDomain(app.Port));
        var client = new Talker.TalkerClient(channel);
        var chats = Enumerable.Range(0, 50).Select(_ => client.Chat(deadline: Soon)).ToList();

        // The streams stay open, beside each other, while many small calls come and go.
        for (var round = 0; round < 20; round++)
        {
            var calls = Enumerable.Range(0, 50)
                .Select(number => client.SayAsync(new Words { Number = number }, deadline: Soon).ResponseAsync);
            Assert.Equal(Enumerable.Range(0, 50), (await Task.WhenAll(calls)).Select(answer => answer.Number));
            await Task.WhenAll(chats.Select(async (chat, number) =>
            {
                await chat.RequestStream.WriteAsync(new Words { Number = number });
                Assert.True(await chat.ResponseStream.MoveNext(default));
                Assert.Equal(number, chat.ResponseStream.Current.Number);
            }));
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

        Assert.InRange(app.ConnectionCount, 1, 10);
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
        var port = RealApp.FreePort();
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
        var port = RealApp.FreePort();
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

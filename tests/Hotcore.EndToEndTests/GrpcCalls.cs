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
        using var call = new Talker.TalkerClient(channel).Chat(deadline: Later);

        for (var i = 0; i < 1000; i++)
        {
            await Wait.For(call.RequestStream.WriteAsync(new Words { Number = i }), $"message {i} to leave");
            Assert.True(await Wait.For(call.ResponseStream.MoveNext(default), $"message {i} to come back"));
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

    /// <summary>The same for a call of many steps, where the test waits for each of them only as long as for a call.</summary>
    private static DateTime Later => DateTime.UtcNow + (10 * Wait.Limit);
}

using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>What holds whichever protocol the client speaks, and whichever the upstream.</summary>
public class Http2Matrix(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Cancel = 8;
    private const int InternalError = 2;
    private const int EnhanceYourCalm = 11;

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task Bodies_pass_byte_for_byte_both_ways(ClientKind client, UpstreamKind upstream)
    {
        var question = RandomNumberGenerator.GetBytes(3_000_001);
        var answer = RandomNumberGenerator.GetBytes(5_000_003);
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept("/page", ("X-Asked", "yes"));

        var sending = Task.Run(async () =>
        {
            await asked.Send(question);
            await asked.End();
        });
        Assert.Equal("/page", accepted.Path);
        Assert.Equal("yes", accepted.Fields["X-Asked"]);
        Assert.Equal(question, await accepted.ReadBody());
        await sending;
        await accepted.SendHead(203, ("X-Answered", "yes"));
        var answering = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });

        Assert.Equal(203, await asked.ReadStatus());
        Assert.Equal("yes", asked.Fields["X-Answered"]);
        Assert.Equal(answer, await asked.ReadBody());
        await answering;
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task Pieces_of_both_bodies_pass_as_they_come(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.Send("first"u8.ToArray());
        Assert.Equal("first"u8.ToArray(), await accepted.ReadExactly(5));
        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        for (var i = 1000; i < 1100; i++)
        {
            await accepted.Send(Encoding.ASCII.GetBytes($"answer {i}"));
            Assert.Equal($"answer {i}", Encoding.ASCII.GetString(await asked.ReadExactly(11)));
            await asked.Send(Encoding.ASCII.GetBytes($"question {i}"));
            Assert.Equal($"question {i}", Encoding.ASCII.GetString(await accepted.ReadExactly(13)));
        }
        await asked.End();
        Assert.Empty(await accepted.ReadBody());
        await accepted.End();
        Assert.Empty(await asked.ReadBody());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_answer_that_ends_before_its_question_arrives_whole(ClientKind client, UpstreamKind upstream)
    {
        var answer = RandomNumberGenerator.GetBytes(500_000);
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.Send("a beginning"u8.ToArray());
        await accepted.ReadExactly("a beginning".Length);
        await accepted.SendHead(413);
        var answering = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });

        Assert.Equal(413, await asked.ReadStatus());
        Assert.Equal(answer, await asked.ReadBody());
        await answering;
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task Trailers_of_an_answer_reach_the_client(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.End();
        Assert.Empty(await accepted.ReadBody());
        await accepted.SendHead();
        await accepted.Send("body"u8.ToArray());
        await accepted.End(("grpc-status", "5"), ("grpc-message", "not%20found"));

        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal("body"u8.ToArray(), await asked.ReadBody());
        Assert.Equal("5", asked.Trailers["grpc-status"]);
        Assert.Equal("not%20found", asked.Trailers["grpc-message"]);
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task Trailers_behind_an_empty_body_reach_the_client(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.End();
        await accepted.ReadBody();
        await accepted.SendHead();
        await accepted.End(("grpc-status", "0"));

        Assert.Equal(200, await asked.ReadStatus());
        Assert.Empty(await asked.ReadBody());
        Assert.Equal("0", asked.Trailers["grpc-status"]);
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task The_app_sees_the_forwarded_fields_and_none_of_the_hop(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (_, accepted) = await pair.BeginAndAccept();

        Assert.Equal(client == ClientKind.Http2OverTls ? "https" : "http", accepted.Fields["X-Forwarded-Proto"]);
        Assert.Equal("127.0.0.1", accepted.Fields["X-Real-IP"]);
        Assert.Equal("127.0.0.1", accepted.Fields["X-Forwarded-For"]);
        Assert.StartsWith("app", accepted.Fields["Host"]);
        Assert.Equal(accepted.Fields["Host"], accepted.Fields["X-Forwarded-Host"]);
        foreach (var ofTheHop in new[] { "Keep-Alive", "Proxy-Connection", "HTTP2-Settings", "Upgrade" })
            Assert.False(accepted.Fields.Has(ofTheHop), ofTheHop);
        Assert.DoesNotContain(accepted.Fields, field => field.Name.StartsWith(':'));
    }

    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task Te_trailers_reaches_a_gRPC_upstream(ClientKind client)
    {
        await using var pair = await Pair.Open(Hotcore, client, UpstreamKind.Http2);
        var (_, accepted) = await pair.BeginAndAccept();

        Assert.Equal("trailers", accepted.Fields["TE"]);
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_waits_for_a_100_sends_its_body_once_the_app_wants_it(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        await using var asked = await pair.Begin("/", ("Expect", "100-continue"));
        var accepted = await pair.Accept();

        Assert.Equal("100-continue", accepted.Fields["Expect"]);
        var body = accepted.ReadBody();
        await accepted.SendContinue();
        // Either client waits for the 100 before this leaves it.
        await asked.Send("wanted"u8.ToArray());
        await asked.End();
        Assert.Equal("wanted"u8.ToArray(), await body);
        await accepted.SendHead();
        await accepted.End();

        Assert.Equal(200, await asked.ReadStatus());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_waits_for_a_100_is_told_no_without_it(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        await using var asked = await pair.Begin("/", ("Expect", "100-continue"));
        var accepted = await pair.Accept();

        await accepted.SendHead(417);
        await accepted.End();

        Assert.Equal(417, await asked.ReadStatus());
        Assert.Empty(await asked.ReadBody());
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_within_its_body_does_not_end_it_for_the_upstream(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.Send("hello"u8.ToArray());
        await accepted.ReadExactly(5);
        asked.Reset();

        await accepted.ExpectBodyToBreak();
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_while_it_waits_is_noticed_by_the_upstream(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();

        await asked.End();
        await accepted.ReadBody();
        asked.Reset();

        await accepted.ExpectReset();
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_resets_within_an_answer_is_noticed_by_the_upstream_and_by_nobody_else(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept("/reset");
        var (other, acceptedOther) = await pair.BeginAndAccept("/bystander");
        foreach (var exchange in new[] { accepted, acceptedOther })
        {
            await exchange.SendHead();
            await exchange.Send("hello"u8.ToArray());
        }
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await asked.ReadExactly(5));

        asked.Reset();
        await accepted.ExpectReset();

        await acceptedOther.Send("world"u8.ToArray());
        await acceptedOther.End();
        Assert.Equal(200, await other.ReadStatus());
        Assert.Equal("helloworld"u8.ToArray(), await other.ReadBody());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_within_its_answer_breaks_it_off_for_that_client_alone(
        ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept("/reset");
        var (other, acceptedOther) = await pair.BeginAndAccept("/bystander");
        foreach (var exchange in new[] { accepted, acceptedOther })
        {
            await exchange.SendHead();
            await exchange.Send("hello"u8.ToArray());
        }
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await asked.ReadExactly(5));

        accepted.Reset(InternalError);
        await asked.ExpectToBreak();

        await acceptedOther.End();
        Assert.Equal(200, await other.ReadStatus());
        Assert.Equal("hello"u8.ToArray(), await other.ReadBody());
    }

    [Theory]
    [InlineData(ClientKind.Http2, Cancel)]
    [InlineData(ClientKind.Http2, EnhanceYourCalm)]
    [InlineData(ClientKind.Http2OverTls, Cancel)]
    [InlineData(ClientKind.Http2OverTls, InternalError)]
    public async Task An_upstreams_reset_reaches_a_client_with_its_error_code(ClientKind client, int errorCode)
    {
        await using var pair = await Pair.Open(Hotcore, client, UpstreamKind.Http2);
        var (asked, accepted) = await pair.BeginAndAccept();
        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());

        accepted.Reset(errorCode);

        Assert.Equal(errorCode, await asked.ExpectToBreak());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_before_its_answer_is_no_answer(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("a body, so that it cannot be sent again"u8.ToArray());
        await asked.End();
        await accepted.ReadBody();

        accepted.Reset(InternalError);

        await ExpectNoAnswer(client, asked);
        await pair.ExpectToWork();
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_resets_within_the_question_is_no_answer(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("hello"u8.ToArray());
        await accepted.ReadExactly(5);

        accepted.Reset(InternalError);

        await ExpectNoAnswer(client, asked);
        await pair.ExpectToWork();
    }

    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task Requests_share_an_HTTP_2_connection_to_their_upstream(ClientKind client)
    {
        await using var pair = await Pair.Open(Hotcore, client, UpstreamKind.Http2);
        await pair.ExpectToWork();
        var exchanges = new List<(ClientExchange Client, UpstreamExchange Upstream)>();
        for (var i = 0; i < 50; i++)
            exchanges.Add(await pair.BeginAndAccept($"/{i}"));

        // The last begun is the first answered: none waits for another.
        exchanges.Reverse();
        foreach (var (asked, accepted) in exchanges)
        {
            await accepted.SendHead();
            await accepted.Send(Encoding.ASCII.GetBytes(accepted.Path));
            await accepted.End();
            Assert.Equal(200, await asked.ReadStatus());
            Assert.Equal(accepted.Path, Encoding.ASCII.GetString(await asked.ReadBody()));
        }

        // One for each of hotcore's loops, if the clients were spread over them; 50 would be one each.
        Assert.InRange(pair.UpstreamConnectionCount, 1, Environment.ProcessorCount);
    }

    [Fact]
    public async Task A_port_at_which_nothing_answers_is_a_502_by_every_protocol()
    {
        await using var dead = TestUpstream.RepeatingLater();
        await using var hotcore = await OldMappings.Start(("dead.example.com", dead.Port));
        foreach (var client in Enum.GetValues<ClientKind>())
        {
            foreach (var contentType in new[] { "text/plain", "application/grpc" })
            {
                await using var scripted = ScriptedClient.For(hotcore, client, "dead.example.com", contentType);
                await using var asked = await scripted.Begin("/", []);

                Assert.Equal(502, await asked.ReadStatus());
                Assert.Contains(dead.Port.ToString(), Encoding.UTF8.GetString(await asked.ReadBody()));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_request_waits_for_a_port_that_refuses_for_a_moment(ClientKind client, UpstreamKind upstream)
    {
        var port = RealApp.FreePort();
        var domain = await Hotcore.AddNewDomain(port);
        var contentType = upstream == UpstreamKind.Http2 ? "application/grpc" : "text/plain";
        await using var scripted = ScriptedClient.For(Hotcore, client, domain, contentType);
        await using var asked = await scripted.Begin("/", []);
        await asked.End();
        await Wait.ToSeeThatNothingHappens();

        var protocols = upstream == UpstreamKind.Http2 ? HttpProtocols.Http2 : HttpProtocols.Http1;
        await using var app = await WebApp.Start(protocols, _ => Task.CompletedTask, port);

        Assert.Equal(200, await asked.ReadStatus());
    }

    /// <summary>An error page; or, over HTTP/2, the reset itself, which says it as well.</summary>
    private static async Task ExpectNoAnswer(ClientKind client, ClientExchange asked)
    {
        var status = 0;
        var broken = await Record.ExceptionAsync(async () => status = await asked.ReadStatus());
        var isReset = client != ClientKind.Http1 && broken is HttpRequestException or TaskCanceledException;
        Assert.True(status == 502 || isReset, $"status {status}, {broken}");
    }
}

/// <summary>Whoever does not read makes the other side wait, and costs no memory.</summary>
public class Http2SlowReaders(SharedHotcore shared) : HotcoreTest(shared)
{
    private const long Total = 64 * Memory.MiB;

    /// <summary>What the kernel's socket buffers take is about 10 MiB on either side of hotcore.</summary>
    private const long MostOnTheWay = 40 * Memory.MiB;
    private const long MostGrowth = 20 * Memory.MiB;
    private static readonly TimeSpan StandStill = TimeSpan.FromSeconds(1);

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task A_client_that_does_not_read_makes_the_upstream_wait(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.End();
        await accepted.ReadBody();

        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        var sent = 0L;
        var answering = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await accepted.Send(block);
            await accepted.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        Assert.InRange(sent, 1, MostOnTheWay);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, MostGrowth);
        Assert.Equal(Total, await Count(asked.Read));
        await answering;
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_upstream_that_does_not_read_makes_the_client_wait(ClientKind client, UpstreamKind upstream)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var (asked, accepted) = await pair.BeginAndAccept();

        var sent = 0L;
        var asking = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await asked.Send(block);
            await asked.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        Assert.InRange(sent, 1, MostOnTheWay);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, MostGrowth);
        Assert.Equal(Total, await Count(accepted.Read));
        await asking;
        await accepted.SendHead();
        await accepted.End();
        Assert.Equal(200, await asked.ReadStatus());
    }

    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task An_answer_that_ends_before_its_question_waits_for_a_client_that_reads_late(
        ClientKind client, UpstreamKind upstream)
    {
        var answer = RandomNumberGenerator.GetBytes(16_000_000);
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("a beginning"u8.ToArray());
        await accepted.ReadExactly("a beginning".Length);

        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        // RFC 9113 8.1: an HTTP/2 upstream then resets its stream with NO_ERROR, which takes nothing of the answer away.
        var answering = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });
        await Task.WhenAny(answering, Wait.ToSeeThatNothingHappens());
        await Wait.ToSeeThatNothingHappens();

        Assert.Equal(answer, await asked.ReadBody());
        await answering;
    }

    [Theory]
    [InlineData(ClientKind.Http2, UpstreamKind.Http1, true)]
    [InlineData(ClientKind.Http2OverTls, UpstreamKind.Http1, true)]
    [InlineData(ClientKind.Http1, UpstreamKind.Http2, true)]
    [InlineData(ClientKind.Http1, UpstreamKind.Http2, false)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2, true)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2, false)]
    public async Task A_stream_that_nobody_reads_does_not_hold_up_the_others_of_its_connection(
        ClientKind client, UpstreamKind upstream, bool haveQuestionsEnded)
    {
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        var (slow, acceptedSlow) = await pair.BeginAndAccept("/slow");
        if (haveQuestionsEnded)
            await slow.End();
        await acceptedSlow.SendHead();
        Assert.Equal(200, await slow.ReadStatus());
        var sent = 0L;
        var answering = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < Total; sent += block.Length)
                await acceptedSlow.Send(block);
            await acceptedSlow.End();
        });
        await Wait.UntilItStandsStill(() => sent, StandStill);

        var (asked, accepted) = await pair.BeginAndAccept("/other");
        if (haveQuestionsEnded)
            await asked.End();
        await accepted.SendHead();
        var answer = RandomNumberGenerator.GetBytes(1_000_000);
        var answeringToo = Task.Run(async () =>
        {
            await accepted.Send(answer);
            await accepted.End();
        });
        Assert.Equal(200, await asked.ReadStatus());
        Assert.Equal(answer, await asked.ReadBody());
        await answeringToo;

        Assert.Equal(Total, await Count(slow.Read));
        await answering;
    }

    [Theory]
    [InlineData(ClientKind.Http2, UpstreamKind.Http1)]
    [InlineData(ClientKind.Http2, UpstreamKind.Http2)]
    public async Task A_hundred_streams_that_nobody_reads_cost_little_memory(ClientKind client, UpstreamKind upstream)
    {
        const int streams = 100;
        await using var pair = await Pair.Open(Hotcore, client, upstream);
        await pair.ExpectToWork();
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        var exchanges = new List<ClientExchange>();
        var sent = 0L;
        var answering = new List<Task>();
        for (var i = 0; i < streams; i++)
        {
            var (asked, accepted) = await pair.BeginAndAccept($"/{i}");
            exchanges.Add(asked);
            await accepted.SendHead();
            answering.Add(Task.Run(async () =>
            {
                var block = new byte[65_536];
                for (var ofThis = 0L; ofThis < Total; ofThis += block.Length)
                {
                    await accepted.Send(block);
                    Interlocked.Add(ref sent, block.Length);
                }
            }));
        }
        await Wait.UntilItStandsStill(() => Volatile.Read(ref sent), StandStill);

        // 640 KiB for each stream; the upstream has 64 MiB for each.
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 64 * Memory.MiB);
        foreach (var exchange in exchanges)
            exchange.Reset();
        // Each of them hears of the reset: it fails, or what it sends goes nowhere.
        foreach (var task in answering)
            Assert.IsNotType<TimeoutException>(await Record.ExceptionAsync(() => task));
        await pair.ExpectToWork();
    }

    private static async Task<long> Count(Func<Memory<byte>, ValueTask<int>> read)
    {
        var total = 0L;
        var piece = new byte[262_144];
        for (int count; (count = await Wait.For(read(piece).AsTask(), "a piece of a body")) > 0;)
            total += count;
        return total;
    }
}

/// <summary>At SIGTERM what is in flight is finished, by every protocol.</summary>
public class Http2Drain
{
    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task What_is_in_flight_is_finished_after_SIGTERM(ClientKind client, UpstreamKind upstream)
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var pair = await Pair.Open(hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("hello"u8.ToArray());
        Assert.Equal("hello"u8.ToArray(), await accepted.ReadExactly(5));

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.UntilConnectionsAreRefused();
        await asked.Send("world"u8.ToArray());
        await asked.End();
        Assert.Equal("world"u8.ToArray(), await accepted.ReadBody());
        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        await accepted.Send("good"u8.ToArray());
        Assert.Equal("good"u8.ToArray(), await asked.ReadExactly(4));
        await accepted.Send("bye"u8.ToArray());
        await accepted.End(("X-Last", "word"));

        Assert.Equal("bye"u8.ToArray(), await asked.ReadBody());
        Assert.Equal("word", asked.Trailers["X-Last"]);
        // Far less than the 30 s that what is in flight would have: nothing is any more.
        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_idle_connection_does_not_hold_up_the_stop(bool isTls)
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var pair = await Pair.Open(
            hotcore, isTls ? ClientKind.Http2OverTls : ClientKind.Http2, UpstreamKind.Http2);
        await pair.ExpectToWork();

        hotcore.Signal(ChildProcess.Terminate);

        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }
}

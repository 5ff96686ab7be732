using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>What holds whichever protocol the client speaks, and whichever the upstream.</summary>
public class Http2Matrix(SharedHotcore shared) : HotcoreTest(shared)
{
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
        var port = FreePort.Take();
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
}

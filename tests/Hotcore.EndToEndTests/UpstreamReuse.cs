using System.Net;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>Kept-alive connections: taken up again where that is safe, replaced unseen where they died.</summary>
public class UpstreamReuse(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task Requests_of_one_client_share_one_upstream_connection()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 50; i++)
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);

        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task Requests_of_many_clients_share_a_few_upstream_connections()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        for (var i = 0; i < 50; i++)
            Assert.Equal($"GET /{i}", (await Hotcore.Get(domain, $"/{i}")).Text);

        // One for each loop, that is each core; more where a busy machine kept one waiting so long that the others were closed.
        Assert.InRange(upstream.Connections.Count, 1, 25);
    }

    [Fact]
    public async Task Requests_with_bodies_share_one_upstream_connection_too()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        // All at once: a connection that had been idle for a second, while this test stood still, would not be taken for a POST.
        await client.Send(string.Concat(Enumerable.Range(0, 10).Select(i =>
            $"POST /{i} HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello"
            + $"POST /{i} HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")));
        for (var i = 0; i < 20; i++)
            Assert.Equal($"POST /{i / 2} hello", (await client.Read()).Text);

        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task Two_domains_on_one_port_get_their_own_hosts()
    {
        await using var upstream = TestUpstream.Answering(request => Answers.Ok(request.Fields["Host"]!));
        var one = await Hotcore.AddNewDomain(upstream.Port);
        var two = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(one, (await client.Get(one)).Text);
            Assert.Equal(two, (await client.Get(two)).Text);
        }
    }

    [Fact]
    public async Task A_connection_that_its_upstream_says_it_closes_is_not_used_again()
    {
        await using var upstream = TestUpstream.Answering(request => Answers.Ok(request.Target, "Connection: close\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        for (var i = 0; i < 5; i++)
            Assert.Equal($"/{i}", (await client.Get(domain, $"/{i}")).Text);

        Assert.Equal(5, upstream.Connections.Count);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task A_connection_that_was_closed_while_idle_is_replaced_unseen(string method)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using (var first = await AnswerFirstRequest(upstream, client, domain))
            first.Close();

        await client.Send($"{method} /second HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");
        using var second = await upstream.Accept();
        Assert.Equal("hello", (await second.ExpectRequest()).Text);
        await second.Send(Answers.Ok("second"));

        Assert.Equal("second", (await client.Read()).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_GET_whose_kept_connection_dies_under_it_is_sent_again_unseen(bool withReset)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var first = await AnswerFirstRequest(upstream, client, domain);

        await client.Send($"GET /second HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        await first.ExpectRequest();
        if (withReset)
            first.Reset();
        else
            first.Close();
        using var second = await upstream.Accept();
        Assert.Equal("/second", (await second.ExpectRequest()).Target);
        await second.Send(Answers.Ok("second"));

        Assert.Equal("second", (await client.Read()).Text);
    }

    [Theory]
    [InlineData("Content-Length: 5", "hello")]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 0", "")]
    public async Task A_POST_that_may_have_been_processed_is_not_sent_twice(string framing, string body)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        // In one write: a connection that had been idle for a second would not be taken for a POST.
        using var first = await AnswerFirstRequest(
            upstream, client, domain, $"POST /once HTTP/1.1\r\nHost: {domain}\r\n{framing}\r\n\r\n{body}");
        await first.ExpectRequest();
        first.Close();

        Assert.Equal(502, (await client.Read()).Status);
        var clean = Hotcore.Get(domain, "/clean");
        using var second = await upstream.Accept();
        Assert.Equal("/clean", (await second.ExpectRequest()).Target);
        await second.Send(Answers.Ok("clean"));
        Assert.Equal("clean", (await clean).Text);
        Assert.Equal(["GET /first", "POST /once", "GET /clean"], upstream.RequestLines);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    [InlineData("PUT")]
    [InlineData("POST")]
    public async Task A_request_that_an_app_read_and_did_not_answer_is_carried_out_once(string method)
    {
        await using var upstream = TestUpstream.Serving(async connection => await connection.ExpectRequest());
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange($"{method} /job HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal(502, response.Status);
        Assert.Equal([$"{method} /job"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_GET_whose_kept_connection_died_is_sent_again_once()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var first = await AnswerFirstRequest(upstream, client, domain);
        await client.Send($"GET /second HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        await first.ExpectRequest();
        first.Close();
        using var second = await upstream.Accept();
        await second.ExpectRequest();
        second.Close();

        Assert.Equal(502, (await client.Read()).Status);
        Assert.Equal(["GET /first", "GET /second", "GET /second"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_GET_that_was_answered_in_part_is_not_sent_again()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        using var first = await AnswerFirstRequest(upstream, client, domain);

        await client.Send($"GET /second HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        await first.ExpectRequest();
        await first.Send("HTTP/1.1 2");
        first.Close();

        Assert.Equal(502, (await client.Read()).Status);
        Assert.Equal(["GET /first", "GET /second"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_client_that_goes_away_before_the_answer_does_not_poison_a_kept_connection()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();
        await client.Send($"GET /given-up HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var first = await upstream.Accept();
        await first.ExpectRequest();
        client.Reset();
        var answering = first.Send(Answers.Ok("for nobody"));

        var next = Hotcore.Get(domain, "/next");
        // Whether hotcore reads the answer to its end and keeps the connection, or gives it up, is its own affair.
        var accepted = upstream.Accept();
        var again = first.ReadRequest();
        await Wait.For(Task.WhenAny(accepted, again), "the next request, or the end of the connection");
        var isKept = again.IsCompleted && await again != null;
        using var connection = isKept ? first : await accepted;
        if (!isKept)
            await connection.ExpectRequest();
        await connection.Send(Answers.Ok("for the next"));

        Assert.Equal("for the next", (await next).Text);
        await Task.WhenAny(answering);
    }

    [Fact]
    public async Task An_app_that_listens_on_IPv6_only_is_reached()
    {
        // hotcore tries 127.0.0.1 first: nobody listens there, and no other test's app gets to.
        using var reserved = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await using var upstream = await RepeatingOnIPv6Only(reserved);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal("GET /six", (await client.Get(domain, "/six")).Text);
        Assert.Equal("GET /again", (await client.Get(domain, "/again")).Text);
        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task After_a_restart_the_app_on_IPv4_has_its_port_back_from_the_one_on_IPv6()
    {
        const int Requests = 8;
        await using var six = TestUpstream.Answering(_ => Answers.Ok("six", "Connection: close\r\n"), IPAddress.IPv6Loopback);
        await using var hotcore = await RunningHotcore.Start();
        using var four = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        four.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        four.Bind(new IPEndPoint(IPAddress.Loopback, six.Port));
        await hotcore.Add("both.example.com", six.Port);
        Assert.Equal("six", (await hotcore.Get("both.example.com")).Text);

        four.Listen();
        var answering = Task.Run(async () =>
        {
            for (var i = 0; i < Requests; i++)
            {
                using var connection = new UpstreamConnection(six, await four.AcceptAsync());
                await connection.ExpectRequest();
                await connection.Send(Answers.Ok("four", "Connection: close\r\n"));
            }
        });

        // Over every loop.
        for (var i = 0; i < Requests; i++)
            Assert.Equal("four", (await hotcore.Get("both.example.com")).Text);
        await answering;
    }

    /// <summary>Starts an app on ::1, at a port whose number on 127.0.0.1 a socket is then bound to.</summary>
    private static async Task<TestUpstream> RepeatingOnIPv6Only(Socket reserved)
    {
        for (; ; )
        {
            var upstream = TestUpstream.Repeating(IPAddress.IPv6Loopback);
            try
            {
                reserved.Bind(new IPEndPoint(IPAddress.Loopback, upstream.Port));
                return upstream;
            }
            catch (SocketException failure) when (failure.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                await upstream.DisposeAsync();
            }
        }
    }

    /// <summary>Brings a kept-alive upstream connection about.</summary>
    /// <param name="upstream">The app.</param>
    /// <param name="client">Who asks it.</param>
    /// <param name="domain">What leads to it.</param>
    /// <param name="next">What the client sends together with its first request.</param>
    private static async Task<UpstreamConnection> AnswerFirstRequest(
        TestUpstream upstream, RawClient client, string domain, string next = "")
    {
        await client.Send($"GET /first HTTP/1.1\r\nHost: {domain}\r\n\r\n{next}");
        var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send(Answers.Ok("first"));
        Assert.Equal("first", (await client.Read()).Text);
        return connection;
    }
}

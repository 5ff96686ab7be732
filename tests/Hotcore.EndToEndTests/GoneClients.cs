using System.Net;
using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>
/// A client that is gone while its app thinks: the app hears of it. Over TLS an end is the end; on plain HTTP a client that has
/// finished sending may still read, and has a moment for its answer to begin.
/// </summary>
public class GoneClients(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task An_app_that_thinks_hears_that_curl_was_killed(ClientKind kind)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var curl = Curl.Start(kind, Hotcore, domain, "/thinks");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await curl.Kill();

        await connection.ExpectEnd();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: {0}\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: {0}\r\nContent-Length: 5\r\n\r\nhello")]
    public async Task An_app_that_thinks_hears_that_a_client_of_plain_HTTP_has_ended(string request)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send(string.Format(request, domain));
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        client.HalfClose();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_app_hears_that_a_client_ended_while_the_last_of_its_body_was_awaited()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 10\r\n\r\nhello");
        using var connection = await upstream.Accept();
        var body = connection.BodyOf(await connection.ExpectHead());
        await Wait.For(body.Read(new byte[5]).AsTask(), "half the body");

        await client.Send("world");
        client.HalfClose();
        await Wait.For(body.ReadAll(), "the other half");

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_app_hears_of_an_end_that_came_together_with_the_rest_of_a_head()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send("GET / HTTP/1.1\r\n");
        await Wait.ToSeeThatNothingHappens();

        client.HoldBack();
        await client.Send($"Host: {domain}\r\n\r\n");
        client.HalfClose();

        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.ExpectEnd();
    }

    [Fact]
    public async Task An_app_that_accepts_late_gets_no_POST_of_a_client_that_is_gone()
    {
        using var app = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        app.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        app.Listen(0);
        await using var first = await RawClient.Connect((IPEndPoint)app.LocalEndPoint!); // The queue is full now.
        var domain = await Hotcore.AddNewDomain(((IPEndPoint)app.LocalEndPoint!).Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello");

        client.HalfClose();
        await Task.Delay(TimeSpan.FromSeconds(4)); // The case itself: twice as long as an answer has to begin.

        (await app.AcceptAsync()).Dispose();
        using var connection = await Wait.For(app.AcceptAsync(), "a connection at the app");
        Assert.Equal(0, await Wait.For(connection.ReceiveAsync(new byte[100]), "its end"));
    }

    [Fact]
    public async Task A_client_of_plain_HTTP_that_has_finished_sending_gets_an_answer_that_begins_at_once()
    {
        const int Large = 3_000_000;
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', Large)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
        client.HalfClose();

        Assert.Equal(Large, (await client.Read()).Text.Length);
    }

    [Fact]
    public async Task An_answer_that_has_begun_goes_on_for_a_client_that_has_finished_sending()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
        client.HalfClose();
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nla");

        await Task.Delay(TimeSpan.FromSeconds(4)); // The case itself: twice as long as an answer has to begin.
        await connection.Send("te");

        Assert.Equal("late", (await client.Read()).Text);
    }

    [Fact]
    public async Task A_reader_of_events_that_has_finished_sending_gets_the_next_one()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nev");
        Assert.Equal(200, (await client.ReadHead()).Status);
        client.HalfClose();

        await Task.Delay(TimeSpan.FromSeconds(5)); // The case itself: more than an answer has to begin, less than it may be silent.
        await connection.Send("en");

        Assert.Equal("even", System.Text.Encoding.Latin1.GetString(await client.Reader.ReadExactly(4)));
    }

    [Theory]
    [InlineData("close_notify alone")]
    [InlineData("the end of the connection alone")]
    [InlineData("both")]
    public async Task Over_TLS_an_end_is_the_end(string end)
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        if (end != "the end of the connection alone")
            await client.SayGoodbye();
        if (end != "close_notify alone")
            client.HalfClose();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task Over_TLS_an_end_within_an_answer_ends_it()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        Assert.Equal(200, (await client.ReadHead()).Status);

        await client.HalfCloseTls();

        await connection.ExpectEnd();
    }

    [Fact]
    public async Task A_request_over_TLS_that_comes_together_with_the_end_is_carried_out()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        await client.Send($"POST /last HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 4\r\n\r\nwork");
        await client.HalfCloseTls();

        using var connection = await upstream.Accept();
        Assert.Equal("work", (await connection.ExpectRequest()).Text);
        await connection.ExpectEnd();
    }

    [Fact]
    public async Task Requests_sent_ahead_over_TLS_are_no_end()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);
        await client.Send($"GET /1 HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        // A record of its own while the first is being thought about.
        await client.Send($"GET /2 HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        await Wait.ToSeeThatNothingHappens();
        await connection.Send(Answers.Ok("one"));
        Assert.Equal("one", (await client.Read()).Text);
        Assert.Equal("/2", (await connection.ExpectRequest()).Target);
        await connection.Send(Answers.Ok("two"));

        Assert.Equal("two", (await client.Read()).Text);
    }
}

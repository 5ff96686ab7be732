using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>Bodies pass as they come, both ways, and nothing is buffered whole.</summary>
public class Streaming(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task The_beginning_of_an_answer_arrives_while_the_rest_is_not_yet_there()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        var body = client.BodyOf(await client.ReadHead());
        foreach (var piece in new[] { "hello", "world" })
        {
            await connection.Send(piece);
            var received = new byte[5];
            for (var filled = 0; filled < 5;)
                filled += await body.Read(received.AsMemory(filled));
            Assert.Equal(piece, Encoding.ASCII.GetString(received));
        }
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    [InlineData("")]
    public async Task Each_event_of_a_stream_arrives_before_the_next_one_is_sent(string framing)
    {
        var isChunked = framing != "";
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nAccept: text/event-stream\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n");
        var body = client.BodyOf(await client.ReadHead());
        for (var i = 0; i < 100; i++)
        {
            var sent = $"data: {i}\n\n";
            await connection.Send(isChunked ? $"{sent.Length:x}\r\n{sent}\r\n" : sent);
            var received = new byte[sent.Length];
            for (int filled = 0, read; filled < received.Length; filled += read)
                Assert.NotEqual(0, read = await body.Read(received.AsMemory(filled)));
            Assert.Equal(sent, Encoding.ASCII.GetString(received));
        }
        if (isChunked)
            await connection.Send("0\r\n\r\n");
        connection.Close();

        Assert.Empty(await body.ReadAll());
    }

    [Fact]
    public async Task The_beginning_of_a_request_arrives_while_the_rest_is_not_yet_sent()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n");
        using var connection = await upstream.Accept();
        var body = connection.BodyOf(await connection.ExpectHead());
        foreach (var piece in new[] { "hello", "world" })
        {
            await client.Send($"5\r\n{piece}\r\n");
            var received = new byte[5];
            for (var filled = 0; filled < 5;)
                filled += await Wait.For(body.Read(received.AsMemory(filled)).AsTask(), "a piece of the body");
            Assert.Equal(piece, Encoding.ASCII.GetString(received));
        }
        await client.Send("0\r\n\r\n");
        Assert.Empty(await Wait.For(body.ReadAll(), "the end of the body"));
        await connection.Send(Answers.Ok("thanks"));

        Assert.Equal("thanks", (await client.Read()).Text);
    }

    [Fact]
    public async Task A_client_that_does_not_read_makes_the_upstream_wait()
    {
        const int total = 64 * 1024 * 1024;
        var sent = 0L;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n");
            var block = new byte[65_536];
            for (; sent < total; sent += block.Length)
                await connection.Send(block);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        await using var client = await Hotcore.Connect();

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        await Wait.UntilItStandsStill(() => sent, TimeSpan.FromSeconds(2));

        // What the kernel's socket buffers take is about 10 MiB; the rest must still be with the upstream.
        Assert.InRange(sent, 1, 40 * Memory.MiB);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 20 * Memory.MiB);
        var response = await client.Read();
        Assert.Equal(total, response.Body.Length);
    }

    [Fact]
    public async Task An_upstream_that_does_not_read_makes_the_client_wait()
    {
        const int total = 64 * 1024 * 1024;
        var sent = 0L;
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {total}\r\n\r\n");
        var sending = Task.Run(async () =>
        {
            var block = new byte[65_536];
            for (; sent < total; sent += block.Length)
                await client.Send(block);
        });
        using var connection = await upstream.Accept();
        await Wait.UntilItStandsStill(() => sent, TimeSpan.FromSeconds(2));

        Assert.InRange(sent, 1, 40 * Memory.MiB);
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 20 * Memory.MiB);
        connection.Reader.IsRecording = false;
        var body = connection.BodyOf(await connection.ExpectHead());
        Assert.Equal(total, (await Wait.For(body.ReadAll(), "the whole body")).Length);
        await connection.Send(Answers.Ok("thanks"));
        await sending;
        Assert.Equal("thanks", (await client.Read()).Text);
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_upstreams_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var connection = await StartEventStream(upstream, domain);

        // StartEventStream's client is gone by now.
        await connection.ExpectEnd();
    }

    [Fact]
    public async Task A_client_that_vanishes_within_its_body_does_not_end_it_for_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        using var connection = await upstream.Accept();
        var body = connection.BodyOf(await connection.ExpectHead());
        Assert.NotEqual(0, await body.Read(new byte[5]));
        client.Reset();

        await Assert.ThrowsAsync<TruncatedMessageException>(() => Wait.For(body.ReadAll(), "the end of the connection"));
    }

    private async Task<UpstreamConnection> StartEventStream(TestUpstream upstream, string domain)
    {
        await using var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        Assert.Equal(200, (await client.ReadHead()).Status);
        return connection;
    }
}

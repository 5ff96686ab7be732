namespace Hotcore.EndToEndTests;

/// <summary>
/// Apps that answer before the end of a request (413, 401): the client gets the answer, even if it sends all of its body before it
/// reads (RFC 9112 9.6, RFC 9113 8.1). Where the app closes instead, the client is told so.
/// </summary>
public class EarlyAnswers(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Large = 30_000_000;

    private static readonly byte[] Body = new byte[Large];

    [Theory]
    [InlineData(false, "Connection: close\r\n")]
    [InlineData(false, "")]
    [InlineData(true, "Connection: close\r\n")]
    [InlineData(true, "")]
    public async Task A_client_that_sends_30_MB_before_it_reads_gets_the_answer(bool isTls, string connectionField)
    {
        await using var upstream = AnsweringEarly(connectionField);
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        for (var i = 0; i < 5; i++)
        {
            await using var client = isTls ? await Hotcore.ConnectTls(domain) : await Hotcore.Connect();
            await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {Large}\r\n\r\n");
            await client.Send(Body);

            var response = await client.Read();
            Assert.Equal((413, "too large"), (response.Status, response.Text));
            Assert.Equal("close", response.Fields["Connection"]);
        }
    }

    [Fact]
    public async Task A_client_whose_chunks_come_slowly_gets_the_answer_too()
    {
        await using var upstream = AnsweringEarly("Connection: close\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (var i = 0; i < 20; i++)
        {
            await client.Send("5\r\nhello\r\n");
            await Task.Delay(50); // A slow client.
        }

        Assert.Equal(413, (await client.Read()).Status);
    }

    [Fact]
    public async Task A_client_that_stays_silent_after_its_early_answer_is_closed()
    {
        await using var upstream = AnsweringEarly("Connection: close\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {Large}\r\n\r\nhello");

        Assert.Equal(413, (await client.Read()).Status);
        Assert.Equal(ConnectionEnd.Closed, await client.ReadEnd());
    }

    [Theory]
    [InlineData(ClientKind.Http1)]
    [InlineData(ClientKind.Http2)]
    [InlineData(ClientKind.Http2OverTls)]
    public async Task Curl_gets_the_answer_every_time(ClientKind kind)
    {
        await using var upstream = AnsweringEarly("Connection: close\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        using var folder = new TemporaryFolder();
        var file = folder.Write("upload", Body);
        for (var i = 0; i < 15; i++)
        {
            var finished = await Curl.Over(
                kind, Hotcore, domain, "/upload", "--upload-file", file, "--header", "Expect:", "--write-out", " %{http_code}");
            Assert.Equal("too large 413", finished.Output.Trim());
        }
    }

    [Theory]
    [InlineData("Content-Length: 10\r\n\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    public async Task A_client_is_told_that_its_app_closed_before_the_end_of_a_body(string rest)
    {
        await using var upstream = ClosingEarly();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\n{rest}");

        var response = await client.Read();
        Assert.Equal(502, response.Status);
        Assert.Contains(domain, response.Text);
        Assert.Equal("close", response.Fields["Connection"]);
    }

    [Fact]
    public async Task A_client_is_told_that_its_app_answered_nonsense_before_the_end_of_a_body()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectHead();
            await connection.Send("nonsense\r\n\r\n");
            await connection.ExpectEnd();
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 10\r\n\r\nhello");

        Assert.Equal(502, (await client.Read()).Status);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/grpc")]
    public async Task A_client_of_HTTP_2_is_told_that_its_app_closed_before_the_end_of_a_body(string contentType)
    {
        await using var upstream = ClosingEarly();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/upload", "POST", [("content-type", contentType)], endStream: false);
        await client.Send(Http2Frame.Data(stream.Id, "hello"u8.ToArray()));

        await client.ExpectReset(stream.Id, Http2Error.NoError);

        Assert.Equal(502, stream.Status);
        Assert.Contains(domain, stream.Text);
        Assert.True(stream.HasEnded);
    }

    [Fact]
    public async Task A_body_that_is_at_fault_is_still_the_clients_fault()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        await client.Send($"POST /upload HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectHead();

        await client.Send("nonsense\r\n");

        Assert.Equal(400, (await client.Read()).Status);
    }

    /// <summary>Closes once something has come.</summary>
    private static TestUpstream ClosingEarly() => TestUpstream.Serving(connection => connection.Reader.Read(new byte[1000]).AsTask());

    /// <summary>Answers once it has the head, and, as most servers do, reads no more.</summary>
    private static TestUpstream AnsweringEarly(string connectionField) => TestUpstream.Serving(async connection =>
    {
        connection.Reader.IsRecording = false;
        await connection.ExpectHead();
        await connection.Send($"HTTP/1.1 413 Content Too Large\r\n{connectionField}Content-Length: 9\r\n\r\ntoo large");
        if (connectionField == "")
            await connection.ExpectEnd();
    });
}

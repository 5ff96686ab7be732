namespace Hotcore.EndToEndTests;

/// <summary>Why an answer became a 502, for whoever looks into the log or asks for the status.</summary>
public class AnswerFaults(SharedHotcore shared) : HotcoreTest(shared)
{
    private static readonly Dictionary<string, (string Answer, string Words)> Faults = new()
    {
        ["a length"] = ("HTTP/1.1 200 OK\r\nContent-Length: x1\r\n\r\nhello", "answered with 'Content-Length: x1', which is no number"),
        ["no HTTP"] = ("SSH-2.0-OpenSSH_9.2p1\r\n", "answered with 'SSH-2.0-OpenSSH_9.2p1', which is no HTTP"),
        ["no HTTP and no line"] = ("\u0005hello", "answered with '\\x05hello', which is no HTTP"),
        ["a line that would forge another"] = (
            "HTTP/1.1 200 OK\r\nX: \0\u001b[0m'\r\n\r\n", "answered with 'X: \\x00\\x1b[0m\\x27', which has a CR or NUL in it"),
        ["half a head"] = ("HTTP/1.1 200 OK\r\nContent-Le", "answered with 'HTTP/1.1 200 OK', which is where its answer broke off"),
        ["half a body"] = (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "broke off an answer after 5 of the 10 bytes that its Content-Length says"),
        ["no last chunk"] = (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "broke off an answer before its last chunk"),
        ["a chunk size"] = (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\ng\r\n", "answered with 'g', which is no chunk size"),
        ["101"] = (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n",
            "answered with 101 and another protocol than was asked for, if any was"),
    };

    public static TheoryData<string> Names => [.. Faults.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_log_has_one_line_and_the_status_the_same_words(string name)
    {
        var (answer, words) = Faults[name];
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send(answer);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        for (var i = 0; i < 3; i++)
        {
            await using var client = await Hotcore.Connect();
            await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            await client.Reader.ReadToEnd();
        }

        var fault = $"port {upstream.Port} {words}";
        Assert.EndsWith($" fault \"{fault}\"", await Hotcore.Control($"status {domain}"));
        Assert.Contains($"\n    {fault}\n", (await Hotcore.Run()).Output);
        var line = $"{domain}: {fault}";
        await Wait.Until(() => Hotcore.Errors.Contains(line), "the line in the log");
        Assert.Single(Hotcore.Errors.Split('\n'), one => one.EndsWith(line));
    }

    [Fact]
    public async Task A_good_answer_and_a_client_that_leaves_are_no_faults()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Hotcore.Connect();
        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        await client.ReadHead();

        client.Reset();
        await connection.ExpectEnd();

        Assert.DoesNotContain("fault", await Hotcore.Control($"status {domain}"));
        await client.DisposeAsync();
    }

    [Theory]
    [InlineData("/bad", "answered with 'Bad-Name: a', which HTTP/2 does not allow")]
    [InlineData("/early", "answered over HTTP/2 with frames that its answer may not have")]
    public async Task What_an_HTTP_2_app_got_wrong_is_told_too(string path, string words)
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);

        var response = await Hotcore.Get(domain, path, "Content-Type: application/grpc\r\n");

        Assert.Equal(502, response.Status);
        Assert.EndsWith($" fault \"port {app.Port} {words}\"", await Hotcore.Control($"status {domain}"));
    }

    [Fact]
    public async Task An_app_without_HTTP_2_that_is_called_by_gRPC_is_told_of()
    {
        await using var upstream = TestUpstream.Serving(connection => connection.Send("HTTP/1.1 400 Bad Request\r\n\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");

        Assert.Equal(502, response.Status);
        Assert.Contains("which is no HTTP/2, as gRPC wants it", await Hotcore.Control($"status {domain}"));
    }
}

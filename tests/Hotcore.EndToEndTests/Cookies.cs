using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>HTTP/2 sends cookies one by one (RFC 9113 8.2.3): they are one field, however many there are.</summary>
public class Cookies(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData(130)]
    [InlineData(1_000)]
    [InlineData(3_000)]
    public async Task Cookies_that_come_one_by_one_are_one_field(int count)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        string[] cookies = [.. Enumerable.Range(0, count).Select(number => $"c{number}=1")];

        await SendInPieces(client, Http2Client.Head(
            domain, "/", "GET", [("x-before", "a"), .. cookies.Select(cookie => ("cookie", cookie)), ("x-behind", "b")]));
        await client.ReadAnswerOf(1);

        Assert.Equal(200, client.Stream(1).Status);
        var request = Assert.Single(upstream.Requests);
        Assert.Equal(string.Join("; ", cookies), request.Fields["Cookie"]);
        Assert.Equal(("a", "b"), (request.Fields["X-Before"], request.Fields["X-Behind"]));
    }

    [Theory]
    [InlineData(127, 200)]
    [InlineData(128, 431)]
    public async Task Cookies_between_127_other_fields_are_one_field_too(int others, int status)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        (string, string)[] fields =
            [.. Enumerable.Range(0, others).SelectMany(number => new[] { ($"x-{number}", "a"), ("cookie", $"c{number}=1") })];

        var answer = await client.Get(domain, "/", fields);

        Assert.Equal(status, answer.Status);
        if (status != 200)
            return;
        var request = Assert.Single(upstream.Requests);
        Assert.Equal(string.Join("; ", Enumerable.Range(0, others).Select(number => $"c{number}=1")), request.Fields["Cookie"]);
        Assert.Equal("a", request.Fields[$"X-{others - 1}"]);
    }

    [Theory]
    [InlineData(15_000, 200)]
    [InlineData(16_500, 431)]
    public async Task Cookies_together_are_limited_in_bytes(int length, int status)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var half = new string('a', length);

        await SendInPieces(client, Http2Client.Head(domain, "/", "GET", ("cookie", half), ("cookie", half)));
        await client.ReadAnswerOf(1);

        Assert.Equal(status, client.Stream(1).Status);
    }

    [Fact]
    public async Task A_call_of_an_HTTP_2_app_gets_its_cookies_in_one_line()
    {
        await using var app = await RealApp.StartHttp2();
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        string[] cookies = [.. Enumerable.Range(0, 1_000).Select(number => $"c{number}=1")];

        await SendInPieces(client, Http2Client.Head(
            domain, "/page", "GET", [("content-type", "application/grpc"), .. cookies.Select(cookie => ("cookie", cookie))]));
        await client.ReadAnswerOf(1);

        Assert.Contains($"cookie: {string.Join("; ", cookies)}", client.Stream(1).Text.Split('\n'));
    }

    /// <summary>HEADERS on stream 1, with CONTINUATION where one frame does not hold the block.</summary>
    private static async Task SendInPieces(Http2Client client, byte[] block)
    {
        byte[][] pieces = [.. block.Chunk(16_384)];
        await client.Send([
            Headers(1, pieces[0], endStream: true, endHeaders: pieces.Length == 1),
            .. pieces.Skip(1).Select((piece, index) => Continuation(1, piece, endHeaders: index == pieces.Length - 2))]);
    }
}

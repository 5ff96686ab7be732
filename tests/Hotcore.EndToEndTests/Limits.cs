namespace Hotcore.EndToEndTests;

/// <summary>Request line 16 KiB (414), header section 32 KiB and 128 fields (431).</summary>
public class Limits(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_request_line_within_16_KiB_is_served()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var target = "/" + new string('a', 16_000);

        Assert.Equal($"GET {target}", (await Hotcore.Get(domain, target)).Text);
    }

    [Fact]
    public Task A_request_line_beyond_16_KiB_is_refused_with_414() =>
        ExpectRefusal(414, domain => $"GET /{new string('a', 16_384)} HTTP/1.1\r\nHost: {domain}\r\n\r\n");

    [Fact]
    public Task A_request_line_that_does_not_end_is_refused_with_414() =>
        ExpectRefusal(414, _ => $"GET /{new string('a', 100_000)}");

    [Theory]
    [InlineData(65, " / HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData(100_000, "")]
    [InlineData(65, " /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    public Task A_method_beyond_64_octets_is_refused_with_501_whatever_else_is_long(int length, string rest) => ExpectRefusal(
        501,
        domain => new string('M', length) + rest.Replace("{host}", domain).Replace("{long}", new string('a', 20_000)));

    [Fact]
    public async Task A_method_of_64_octets_is_served()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        var method = new string('M', 64);

        Assert.Equal(
            $"{method} /", (await client.Exchange($"{method} / HTTP/1.1\r\nHost: {domain}\r\n\r\n")).Text.Trim());
    }

    [Fact]
    public async Task Fields_within_32_KiB_are_served()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(domain, "/", $"X-Field: {new string('a', 32_000)}\r\n");

        Assert.Equal(200, response.Status);
        Assert.Equal(32_000, upstream.Requests[0].Fields["X-Field"]!.Length);
    }

    [Fact]
    public Task Fields_beyond_32_KiB_are_refused_with_431() =>
        ExpectRefusal(431, domain => $"GET / HTTP/1.1\r\nHost: {domain}\r\nX-Field: {new string('a', 32_768)}\r\n\r\n");

    [Fact]
    public Task Many_fields_beyond_32_KiB_are_refused_with_431() =>
        ExpectRefusal(431, domain => $"GET / HTTP/1.1\r\nHost: {domain}\r\n{Fields(100, new string('a', 400))}\r\n");

    [Fact]
    public Task Fields_that_do_not_end_are_refused_with_431() =>
        ExpectRefusal(431, domain => $"GET / HTTP/1.1\r\nHost: {domain}\r\nX-Field: {new string('a', 100_000)}");

    [Fact]
    public async Task A_request_with_128_fields_is_served_with_all_of_them()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        // Host is one of them.
        Assert.Equal(200, (await Hotcore.Get(domain, "/", Fields(127, "a"))).Status);
        for (var i = 0; i < 127; i++)
            Assert.Equal("a", upstream.Requests[0].Fields[$"X-{i}"]);
    }

    [Fact]
    public Task A_request_with_129_fields_is_refused_with_431() =>
        ExpectRefusal(431, domain => $"GET / HTTP/1.1\r\nHost: {domain}\r\n{Fields(128, "a")}\r\n");

    [Fact]
    public async Task Endless_trailers_are_not_read_to_their_end()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        await SendUntilClosed(client, $"X-Trailer: {new string('a', 1000)}\r\n");

        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task An_endless_chunk_extension_is_not_read_to_its_end()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nTransfer-Encoding: chunked\r\n\r\n5");
        await SendUntilClosed(client, $";extension={new string('a', 1000)}");

        Assert.Empty(upstream.Requests);
    }

    private static string Fields(int count, string value) =>
        string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {value}\r\n"));

    private static async Task SendUntilClosed(RawClient client, string piece)
    {
        const int enough = 100_000;
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < enough; i++)
                await client.Send(piece);
        });
        await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(() => Wait.For(sending, "a refusal of 100 MB"));
    }

    private async Task ExpectRefusal(int status, Func<string, string> request)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        await client.Send(request(domain));
        Assert.Equal(status, (await client.Read()).Status);
        await client.ReadEnd();

        Assert.Equal("", upstream.Received);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }
}

/// <summary>
/// Only silence in the middle of a message times out. A class of its own, so that its minutes pass beside the others.
/// </summary>
public class Silence(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>
    /// The specification names no time: whoever serves the public Internet waits no longer than this.
    /// </summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(100);

    [Fact]
    public async Task A_client_that_falls_silent_within_a_head_is_told_so_or_closed()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await RawClient.Connect(Hotcore.Http, LongestSilence);

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\nX-Fie");

        if (await client.Reader.ReadHead() is { } head)
        {
            Assert.Equal(408, head.Status);
            await client.BodyOf(head).ReadAll();
            await client.ReadEnd();
        }
        Assert.Equal("", upstream.Received);
    }
}

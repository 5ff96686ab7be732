namespace Hotcore.EndToEndTests;

/// <summary>What hotcore says itself: HTML for browsers, one line of text for the rest.</summary>
public class ErrorPages(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

    [Fact]
    public async Task An_unknown_domain_gets_a_line_of_text()
    {
        var response = await Hotcore.Get("nobody.example.com");

        Assert.Equal(404, response.Status);
        Assert.StartsWith("text/plain", response.Fields["Content-Type"]);
        Assert.Contains("nobody.example.com", response.Text);
        Assert.DoesNotContain('\n', response.Text.TrimEnd('\n'));
    }

    [Fact]
    public async Task An_unknown_domain_gets_a_page_in_a_browser()
    {
        var response = await Hotcore.Get("nobody.example.com", "/", Browser);

        Assert.Equal(404, response.Status);
        Assert.StartsWith("text/html", response.Fields["Content-Type"]);
        Assert.Contains("<html", response.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("nobody.example.com", response.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData(Browser)]
    public async Task A_502_says_which_domain_maps_to_which_port(string fields)
    {
        await using var upstream = TestUpstream.Serving(connection => connection.ReadRequest());
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        // POST, because a GET would be sent again.
        var response = await client.Exchange($"POST / HTTP/1.1\r\nHost: {domain}\r\n{fields}Content-Length: 0\r\n\r\n");

        Assert.Equal(502, response.Status);
        Assert.StartsWith(fields == "" ? "text/plain" : "text/html", response.Fields["Content-Type"]);
        Assert.Contains(domain, response.Text);
        Assert.Contains(upstream.Port.ToString(), response.Text);
    }

    [Fact]
    public async Task A_502_for_a_dead_port_says_that_nothing_answers_there()
    {
        await using var dead = TestUpstream.RepeatingLater();
        await using var hotcore = await OldMappings.Start(("dead.example.com", dead.Port));

        var response = await hotcore.Get("dead.example.com");

        Assert.Equal(502, response.Status);
        Assert.Contains("dead.example.com", response.Text);
        Assert.Contains(dead.Port.ToString(), response.Text);
        Assert.DoesNotContain('\n', response.Text.TrimEnd('\n'));
    }

    [Fact]
    public async Task HEAD_gets_an_error_without_a_body()
    {
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange("HEAD / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n");

        Assert.Equal(404, response.Status);
        Assert.Equal(404, (await client.Get("nobody.example.com")).Status);
    }

    [Fact]
    public async Task A_404_leaves_the_connection_usable()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal(404, (await client.Get("nobody.example.com")).Status);
        Assert.Equal("GET /next", (await client.Get(domain, "/next")).Text);
    }

    [Fact]
    public async Task The_body_of_a_request_that_gets_a_404_is_never_taken_for_a_request()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var body = $"GET /smuggled HTTP/1.1\r\nHost: {domain}\r\n\r\n";
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: nobody.example.com\r\nContent-Length: {body.Length}\r\n\r\n{body}");

        Assert.Equal(404, response.Status);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
    }

    [Fact]
    public async Task A_name_in_a_page_cannot_bring_markup()
    {
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: <script>alert(1)</script>\r\n{Browser}\r\n");

        Assert.DoesNotContain("<script>alert", response.Text);
    }
}

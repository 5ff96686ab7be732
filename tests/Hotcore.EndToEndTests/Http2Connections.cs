using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 3: which connections speak HTTP/2.</summary>
public class Http2Connections(SharedHotcore shared) : HotcoreTest(shared)
{
    [Theory]
    [InlineData("h2", "h2")]
    [InlineData("h2, http/1.1", "h2")]
    // The server's order counts.
    [InlineData("http/1.1, h2", "h2")]
    [InlineData("spdy/3, h2", "h2")]
    [InlineData("http/1.1", "http/1.1")]
    [InlineData("http/1.0, http/1.1", "http/1.1")]
    // h2c is what never comes over TLS: 3.1 of RFC 7540.
    [InlineData("h2c, http/1.1", "http/1.1")]
    public async Task ALPN_chooses_the_protocol(string offered, string chosen)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var options = new TlsOptions { Root = TlsOptions.RootOf(Hotcore.LocalCaFile), Alpn = offered.Split(", ") };
        var raw = await RawClient.ConnectTls(Hotcore.Https, domain, options, Timeout.InfiniteTimeSpan);
        Assert.Equal(chosen, raw.Tls!.NegotiatedApplicationProtocol.ToString());

        if (chosen != "h2")
        {
            Assert.Equal("GET /one", (await raw.Get(domain, "/one")).Text);
            await raw.DisposeAsync();
            return;
        }
        await using var client = Http2Client.Over(raw);
        await client.SendRaw([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Bytes(Settings())]);
        Assert.Equal("GET /two", (await client.Get(domain, "/two")).Text);
    }

    [Fact]
    public async Task A_client_without_ALPN_is_served_in_HTTP_1_1()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.ConnectTls(domain);

        Assert.Equal("", client.Tls!.NegotiatedApplicationProtocol.ToString());
        Assert.Equal("GET /one", (await client.Get(domain, "/one")).Text);
    }

    [Fact]
    public async Task HTTP_1_1_where_h2_was_chosen_is_not_served()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var options = new TlsOptions { Root = TlsOptions.RootOf(Hotcore.LocalCaFile), Alpn = ["h2"] };
        await using var client = await Hotcore.ConnectTls(domain, options);

        await client.Send($"GET /smuggled HTTP/1.1\r\nHost: {domain}\r\n\r\n");

        Assert.DoesNotContain("HTTP/1.1 200", await client.Reader.ReadToEnd());
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task A_preface_where_HTTP_1_1_was_chosen_is_not_served()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var options = new TlsOptions { Root = TlsOptions.RootOf(Hotcore.LocalCaFile), Alpn = ["http/1.1"] };
        await using var client = await Hotcore.ConnectTls(domain, options);

        byte[] bytes = [.. Encoding.ASCII.GetBytes(Preface),
            .. Bytes(Settings(), Headers(1, Http2Client.Head(domain, "/smuggled")))];
        await client.Send(bytes);

        await client.Reader.ReadToEnd();
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task An_upgrade_to_h2c_is_not_taken_up()
    {
        // RFC 9113 3.1 gave it up; the request is one of HTTP/1.1 like any other.
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        var response = await client.Exchange(
            $"GET /h2c HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");

        Assert.Equal((200, "GET /h2c"), (response.Status, response.Text));
        Assert.False(Assert.Single(upstream.Requests).Fields.Has("HTTP2-Settings"));
    }

    [Fact]
    public async Task Requests_over_TLS_are_served_side_by_side()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.ConnectTls(Hotcore, domain);
        var streams = new List<Http2Stream>();

        for (var i = 0; i < 50; i++)
            streams.Add(await client.Request(domain, $"/{i}"));

        for (var i = 0; i < 50; i++)
        {
            await client.ReadAnswer(streams[i]);
            Assert.Equal($"GET /{i}", streams[i].Text);
        }
    }

    [Fact]
    public async Task A_connection_serves_many_requests_one_after_the_other()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var i = 0; i < 500; i++)
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);

        // The connections to the upstream are kept.
        Assert.InRange(upstream.Connections.Count, 1, 3);
    }

    [Fact]
    public async Task A_domain_that_is_mapped_anew_leads_the_next_stream_of_an_open_connection_to_its_new_port()
    {
        await using var old = TestUpstream.Scripted();
        await using var fresh = TestUpstream.Answering(_ => Answers.Ok("new"));
        var domain = await Hotcore.AddNewDomain(old.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var held = await client.Request(domain, "/held");
        using var connection = await old.Accept();
        await connection.ExpectRequest();

        await Hotcore.Add(domain, fresh.Port);
        Assert.Equal("new", (await client.Get(domain)).Text);
        await connection.Send(Answers.Ok("old"));
        await client.ReadAnswer(held);

        Assert.Equal("old", held.Text);
    }

    [Fact]
    public async Task A_port_that_answers_after_a_moment_costs_no_error()
    {
        await using var upstream = TestUpstream.RepeatingLater();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/early", "POST", endStream: false);
        await client.Send(Data(stream.Id, "hello", true));
        await Wait.ToSeeThatNothingHappens();
        Assert.False(stream.IsOver);

        upstream.Listen();
        await client.ReadAnswer(stream);

        Assert.Equal("POST /early hello", stream.Text);
    }

    [Fact]
    public async Task A_port_that_has_long_been_dead_is_a_502_that_says_so_and_the_connection_lives()
    {
        await using var dead = TestUpstream.RepeatingLater();
        await using var upstream = TestUpstream.Repeating();
        await using var hotcore =
            await OldMappings.Start(("dead.example.com", dead.Port), ("live.example.com", upstream.Port));
        await using var client = await Http2Client.Connect(hotcore.Http);

        var answer = await client.Get("dead.example.com");

        Assert.Equal(502, answer.Status);
        Assert.Contains("dead.example.com", answer.Text);
        Assert.Contains(dead.Port.ToString(), answer.Text);
        Assert.Equal("GET /next", (await client.Get("live.example.com", "/next")).Text);
    }

    [Fact]
    public async Task A_kept_upstream_connection_that_died_is_replaced_unseen()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            // Closes after each answer without having said so.
            var request = await connection.ExpectRequest();
            await connection.Send(TestUpstream.Repeat(request));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var i = 0; i < 20; i++)
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);
    }
}

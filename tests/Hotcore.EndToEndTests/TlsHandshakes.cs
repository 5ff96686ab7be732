using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace Hotcore.EndToEndTests;

/// <summary>TLS handshakes, good and bad, byte by byte where it matters.</summary>
public class TlsHandshakes(SharedHotcore shared) : HotcoreTest(shared)
{
    private const byte NoApplicationProtocol = 120;
    private const byte UnrecognizedName = 112;

    [Theory]
    [InlineData("unknown.example.com")]
    [InlineData("")]
    public async Task A_name_that_is_not_mapped_or_none_at_all_is_answered_with_unrecognized_name(string serverName)
    {
        await using var client = await RawClient.Connect(Hotcore.Https);

        await client.Send(ClientHello.For(serverName));

        await ExpectAlert(client, UnrecognizedName);
    }

    [Fact]
    public async Task A_client_that_offers_unknown_protocols_alone_is_answered_with_no_application_protocol()
    {
        var domain = await Hotcore.AddNewDomain(8080);
        await using var client = await RawClient.Connect(Hotcore.Https);

        await client.Send(ClientHello.For(domain, "spdy/3", "imap"));

        await ExpectAlert(client, NoApplicationProtocol);
    }

    [Fact]
    public async Task Http_1_1_is_chosen_among_protocols()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        await using var client = await Hotcore.ConnectTls(domain, Trusted with { Alpn = ["spdy/3", "http/1.1"] });

        Assert.Equal("http/1.1", client.Tls!.NegotiatedApplicationProtocol.ToString());
        Assert.Equal("GET /", (await client.Get(domain)).Text);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_client_that_sends_byte_by_byte_is_served(SslProtocols protocol)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.GetTls(domain, Trusted with { Protocols = protocol, MostBytesPerWrite = 1 }, "/slow");

        Assert.Equal("GET /slow", response.Text);
    }

    [Theory]
    [InlineData("UPPER")]
    [InlineData("dot")]
    public async Task A_server_name_is_matched_as_domains_are(string how)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var serverName = how == "dot" ? domain + "." : domain.ToUpperInvariant();

        // .NET's own check of the name does not know the dot.
        var response = await Hotcore.GetTls(domain, how == "dot" ? new TlsOptions() : Trusted);
        await using var client = await Hotcore.ConnectTls(serverName, new TlsOptions());

        Assert.Equal("GET /", response.Text);
        Assert.Equal("GET /", (await client.Get(domain)).Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_handshake_that_stops_halfway_is_closed_after_10_seconds(bool saysSomething)
    {
        var domain = await Hotcore.AddNewDomain(8080);
        var hello = ClientHello.For(domain);
        // Before hotcore begins to count.
        var started = Stopwatch.StartNew();
        await using var client = await RawClient.Connect(Hotcore.Https);

        if (saysSomething)
            await client.Send(hello.AsMemory(0, hello.Length / 2));
        await client.Reader.ReadToEnd();

        // Well before, a slow but honest client would have been cut off.
        Assert.InRange(started.Elapsed, TimeSpan.FromSeconds(8), Wait.Limit);
    }

    [Fact]
    public async Task A_handshake_that_stops_after_the_servers_part_is_closed_too()
    {
        var domain = await Hotcore.AddNewDomain(8080);
        await using var client = await RawClient.Connect(Hotcore.Https);

        await client.Send(ClientHello.For(domain));
        var answer = await client.Reader.ReadToEnd();

        Assert.StartsWith("\u0016\u0003", answer);
    }

    [Theory]
    [InlineData("--------------------------------")]
    [InlineData("................................")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]
    [InlineData("../../../../../../../../etc/pass")]
    [InlineData("*.exam\nple.com hotcore\r\n12345678")]
    [InlineData("\u00ff\u00fe\u00e4\u00f6\u00fc\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u00908901234567890123")]
    [InlineData("255.255.255.255:65535/path?a=b#c")]
    public async Task An_absurd_server_name_is_refused_and_nobody_else_notices(string name)
    {
        const string placeholder = "placeholder-of-32-bytes.test-a-b";
        var hello = Encoding.Latin1.GetString(ClientHello.For(placeholder));
        Assert.Contains(placeholder, hello);
        Assert.Equal(placeholder.Length, name.Length);
        await using var client = await RawClient.Connect(Hotcore.Https);

        await client.Send(hello.Replace(placeholder, name));

        Assert.StartsWith("\u0015\u0003", await client.Reader.ReadToEnd());
        await ExpectService();
    }

    [Fact]
    public async Task Thousands_of_malformed_hellos_do_no_harm()
    {
        var domain = await Hotcore.AddNewDomain(8080);
        var mutation = new Mutation(seed: 3);
        string[] hellos =
        [
            Encoding.Latin1.GetString(ClientHello.For(domain)),
            Encoding.Latin1.GetString(ClientHello.For(domain, "http/1.1", "h2")),
            Encoding.Latin1.GetString(ClientHello.For("unknown.example.com", "acme-tls/1")),
        ];
        string[] mutated = [.. Enumerable.Range(0, 2_000).Select(_ => mutation.Of(hellos))];

        await Parallel.ForEachAsync(mutated, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (bytes, _) =>
        {
            await using var client = await RawClient.Connect(Hotcore.Https);
            try
            {
                await client.Send(bytes);
                client.HalfClose();
            }
            catch (SocketException)
            {
                // Refused before all of it was sent.
            }
            // How it ends is its own affair, but end it must.
            await client.Reader.ReadToEnd();
        });

        Assert.True(Hotcore.IsRunning);
        await ExpectService();
    }

    private TlsOptions Trusted => new() { Root = TlsOptions.RootOf(Hotcore.LocalCaFile) };

    private static async Task ExpectAlert(RawClient client, byte description)
    {
        var answer = await client.Reader.ReadToEnd();
        Assert.Equal([21, 3, 3, 0, 2, 2, description], Encoding.Latin1.GetBytes(answer));
    }

    private async Task ExpectService()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        Assert.Equal("GET /", (await Hotcore.GetTls(domain)).Text);
    }
}

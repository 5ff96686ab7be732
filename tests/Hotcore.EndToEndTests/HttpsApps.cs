using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>Apps that speak HTTPS on their port, and nothing else: hotcore finds out, and speaks it too.</summary>
public class HttpsApps(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>How servers meet plain HTTP on their HTTPS port.</summary>
    private static readonly Dictionary<string, string> ToPlain = new()
    {
        ["an alert"] = "\x15\x03\x03\x00\x02\x02\x46",
        ["nothing"] = "",
        ["Go's words"] = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        ["Tomcat's words"] = "HTTP/1.1 400 \r\nContent-Type: text/plain;charset=UTF-8\r\nConnection: close\r\n\r\n"
            + "Bad Request\r\nThis combination of host and port requires TLS.\r\n",
    };

    public static TheoryData<string> Kinds => [.. ToPlain.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_first_request_is_served_and_carried_out_once(string kind)
    {
        await using var app = HttpsApp.Start(ToPlain[kind]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        Assert.Equal("GET /first", (await client.Get(domain, "/first")).Text);
        Assert.Equal("GET /second", (await client.Get(domain, "/second")).Text);
        Assert.Equal(["GET /first", "GET /second"], app.Requests);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Many_first_requests_at_once_are_served(string kind)
    {
        await using var app = HttpsApp.Start(ToPlain[kind]);
        var domain = await Hotcore.AddNewDomain(app.Port);

        var responses = Enumerable.Range(0, 20).Select(i => Hotcore.Get(domain, $"/{i}")).ToList();

        for (var i = 0; i < responses.Count; i++)
            Assert.Equal($"GET /{i}", (await responses[i]).Text);
        Assert.Equal(20, app.Requests.Count);
    }

    [Fact]
    public async Task A_redirect_to_where_the_client_came_from_is_not_passed_in_circles()
    {
        // As Proxmox sends plain requests to https, by the name in Host.
        var domain = Hotcore.NewDomain();
        var target = $"https://{domain}/page?x=1";
        await using var app = HttpsApp.Start(
            $"HTTP/1.1 301 Moved Permanently\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        await Hotcore.Add(domain, app.Port);

        var overHttp = await Hotcore.Get(domain, "/page?x=1");
        Assert.Equal((301, target), (overHttp.Status, overHttp.Fields["Location"]));
        Assert.Equal("GET /page?x=1", (await Hotcore.GetTls(domain, target: "/page?x=1")).Text);
    }

    /// <summary>Where the app said nothing, nobody knows whether it carried the request out.</summary>
    [Theory]
    [InlineData("an alert", 200)]
    [InlineData("Go's words", 200)]
    [InlineData("nothing", 502)]
    public async Task What_may_not_be_repeated_is_sent_again_only_where_it_was_refused(string kind, int status)
    {
        await using var app = HttpsApp.Start(ToPlain[kind]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        var request = $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n";

        Assert.Equal(status, (await Send(request)).Status);
        Assert.Equal(200, (await Send(request)).Status);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task An_alert_that_comes_byte_by_byte_is_one(int first)
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectHead();
            await connection.Send(ToPlain["an alert"][..first]);
            await connection.ExpectEnd();
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        // The app answers TLS as little as anything else.
        Assert.Equal(502, (await Hotcore.Get(domain)).Status);
        await Wait.Until(() => upstream.Received.Contains('\x16'), "the beginning of a handshake");
    }

    [Fact]
    public async Task What_comes_behind_an_answer_in_a_record_of_its_own_is_no_other_clients_answer()
    {
        // Head and body behind a 204 that has none, in two records of one write.
        await using var app = HttpsApp.Start(
            ToPlain["an alert"], "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        var domain = await Hotcore.AddNewDomain(app.Port);
        for (var i = 0; i < 10; i++)
            Assert.Equal(204, (await Hotcore.Get(domain, $"/{i}")).Status);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length : 13\r\n\r\n", "HTTPS, please")]
    [InlineData("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 13, 13\r\n\r\n", "HTTPS, please")]
    [InlineData("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nX: {0}\r\n\r\n", "HTTPS, please")]
    [InlineData("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nX: {0}\r\n\r\n", "")]
    public async Task A_400_is_looked_into_and_passed_as_it_is(string head, string body)
    {
        // One that fills a buffer of hotcore's to its last byte: whatever comes behind it moves it.
        const int BufferBytes = 16_384;
        head = head.Replace("{0}", new string('x', BufferBytes - head.Length + "{0}".Length));
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectHead();
            await connection.Send(head);
            await Task.Delay(20); // A server that writes head and body apart.
            await connection.Send(body);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(domain);

        Assert.Equal((400, body), (response.Status, response.Text));
    }

    [Fact]
    public async Task A_request_with_a_body_is_told_to_come_again_and_never_carried_out_twice()
    {
        await using var app = HttpsApp.Start(ToPlain["an alert"]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();
        var request = $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello";

        var first = await client.Exchange(request);
        Assert.Equal(502, first.Status);
        Assert.Contains("speaks HTTPS", first.Text);
        Assert.Equal("POST /", (await Send(request)).Text);
        Assert.Equal(["POST /"], app.Requests);
    }

    [Fact]
    public async Task An_upgrade_may_come_first()
    {
        await using var app = HttpsApp.Start(ToPlain["an alert"]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        await using var client = await Hotcore.Connect();

        await client.Upgrade(domain);
        await client.ExpectEcho("hello");
    }

    [Fact]
    public async Task The_status_says_so()
    {
        await using var app = HttpsApp.Start(ToPlain["Go's words"]);
        await using var hotcore = await RunningHotcore.Start();
        await hotcore.Add("portainer.localhost", app.Port);
        Assert.DoesNotContain("scheme", await hotcore.Control("status portainer.localhost"));
        Assert.Equal("GET /", (await hotcore.Get("portainer.localhost")).Text);

        Assert.EndsWith(" scheme https", await hotcore.Control("status portainer.localhost"));
        var status = await hotcore.Run();
        Assert.Contains($"portainer.localhost → port {app.Port,-5}  up  over HTTPS", status.Output);
        Assert.Equal(0, status.ExitCode);
    }

    [Fact]
    public async Task An_app_that_speaks_plain_HTTP_again_is_served()
    {
        await using var app = HttpsApp.Start(ToPlain["an alert"]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        Assert.Equal("GET /tls", (await Hotcore.Get(domain, "/tls", "Connection: close\r\n")).Text);
        app.SpeakPlain();

        // A connection over TLS may still be kept.
        var response = await Hotcore.Get(domain, "/plain");
        Assert.Equal("GET /plain", response.Text);
        await Wait.Until(() => app.Requests.Contains("GET /plain"), "the request");
    }

    /// <summary>Python's server meets plain HTTP with nothing, like Node's.</summary>
    [Fact]
    public async Task An_app_that_spoke_plain_HTTP_before_is_served()
    {
        var port = FreePort.Take();
        var domain = await Hotcore.AddNewDomain(port);
        await using (await RealApp.StartCareless(hasThreads: true, port))
            Assert.Equal("GET /plain", (await Hotcore.Get(domain, "/plain")).Text);

        await using var app = await RealApp.StartCareless(hasThreads: true, port, isTls: true);

        await Hotcore.Get(domain, "/lost"); // Once without an answer, and no port is taken for another app's.
        Assert.Equal("GET /tls", (await Hotcore.Get(domain, "/tls")).Text);
        Assert.Equal("POST /", (await Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 0\r\n\r\n")).Text);
    }

    [Fact]
    public async Task An_app_that_is_too_busy_to_shake_hands_is_waited_for()
    {
        await using var app = HttpsApp.Start(ToPlain["an alert"]);
        var domain = await Hotcore.AddNewDomain(app.Port);
        // Over a connection that ends with its client: it carried a body.
        var post = $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello";
        Assert.Contains("speaks HTTPS", (await Send(post)).Text);
        Assert.Equal("POST /", (await Send(post)).Text);
        var end = new TaskCompletionSource();
        app.BeBusyUntil(end.Task);

        var answers = Enumerable.Range(0, 3).Select(_ => Send(post)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(4)); // The case itself: longer than one may take that may speak plain HTTP.
        end.SetResult();

        foreach (var answer in answers)
            Assert.Equal("POST /", (await answer).Text);
        Assert.Equal(4, app.Requests.Count);
    }

    [Fact]
    public async Task A_400_that_means_the_request_is_passed()
    {
        await using var upstream = TestUpstream.Answering(
            _ => "HTTP/1.1 400 Bad Request\r\nContent-Length: 34\r\n\r\nno such page, but HTTPS is spoken.");
        var domain = await Hotcore.AddNewDomain(upstream.Port);

        var response = await Hotcore.Get(domain, "/odd");

        Assert.Equal((400, "no such page, but HTTPS is spoken."), (response.Status, response.Text));
        Assert.Equal(["GET /odd"], upstream.RequestLines);
    }

    [Fact]
    public async Task Nginx_that_listens_with_TLS_is_served()
    {
        await using var nginx = await RealApp.StartNginx(isTls: true);
        var domain = await Hotcore.AddNewDomain(nginx.Port);

        Assert.Equal($"GET /page {domain} 127.0.0.1", (await Hotcore.Get(domain, "/page")).Text);
        Assert.Equal($"GET /again {domain} 127.0.0.1", (await Hotcore.GetTls(domain, target: "/again")).Text);
    }

    [Fact]
    public async Task Nodes_https_server_is_served()
    {
        await using var node = await RealApp.StartNodeTls();
        var domain = await Hotcore.AddNewDomain(node.Port);

        Assert.Contains("\"path\":\"/page\"", (await Hotcore.Get(domain, "/page")).Text);
        await using var client = await Hotcore.Connect();
        Assert.Equal("hello", (await client.Exchange(
            $"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: 5\r\n\r\nhello")).Text);
    }

    [Fact]
    public async Task Openssls_own_server_is_served()
    {
        await using var server = await RealApp.StartOpenSslServer();
        var domain = await Hotcore.AddNewDomain(server.Port);

        Assert.Contains("Ciphers supported", (await Hotcore.Get(domain, "/")).Text);
    }

    [Fact]
    public async Task An_app_of_gRPC_over_TLS_is_served_once_that_is_known()
    {
        await using var app = await WebApp.Start(
            HttpProtocols.Http2, context => context.Response.WriteAsync($"{context.Request.Protocol} {context.Request.Scheme}"),
            certificate: HttpsApp.SelfSigned);
        var domain = await Hotcore.AddNewDomain(app.Port);
        using var client = DotNetClient.For(Hotcore);

        // What began with a body cannot be sent again; the calls after it know.
        Assert.Contains("speaks HTTPS", await Call(client, domain));
        Assert.Equal("HTTP/2 https", await Call(client, domain));
    }

    private async Task<string> Call(HttpClient client, string domain)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(DotNetClient.Site(Hotcore, domain, isTls: false), "/call"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent("hello"u8.ToArray()),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var response = await client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private async Task<Response> Send(string request)
    {
        await using var client = await Hotcore.Connect();
        return await client.Exchange(request);
    }
}

using System.Net;
using Hotcore.Http;
using Hotcore.Http.Http1;
using Xunit;

namespace Hotcore.Proxying.Http1;

public sealed class HeadWriterTests
{
    private const string Ours =
        "X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.com\r\n";

    [Theory]
    [InlineData(
        "GET /a?b HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nHost: a.com\r\n" + Ours + "\r\n")]
    [InlineData(
        "GET / HTTP/1.0\r\nX-One:  1 \r\nhost:a.com\r\nX-Two:\t\xE4\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nX-One:  1 \r\nX-Two:\t\xE4\r\n" + Ours + "\r\n")]
    [InlineData(
        "PUT / HTTP/1.1\r\nA: 1\r\nB: 2\r\nHost: a.com\r\nConnection: close, C\r\nC: 3\r\nX-Forwarded-For: 6.6.6.6\r\n"
        + "X_Real_IP: 6.6.6.6\r\nForwarded: for=x\r\nTE: trailers\r\nD: 4\r\nContent-Length: 3\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a.com\r\nA: 1\r\nB: 2\r\nD: 4\r\nContent-Length: 3\r\n" + Ours + "\r\n")]
    [InlineData(
        "POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: CHUNKED\r\nTrailer: T\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nTrailer: T\r\n" + Ours + "Transfer-Encoding: chunked\r\n\r\n")]
    [InlineData(
        "GET /ws HTTP/1.1\r\nHost: a.com\r\nConnection: keep-alive, Upgrade\r\nupgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a.com\r\nSec-WebSocket-Key: k\r\n" + Ours + "Connection: Upgrade\r\nupgrade: websocket\r\n\r\n")]
    [InlineData(
        "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\n" + Ours + "\r\n")]
    [InlineData(
        "GET http://a.com?x HTTP/1.1\r\nHost: a.com\r\n\r\n",
        "GET /?x HTTP/1.1\r\nHost: a.com\r\n" + Ours + "\r\n")]
    [InlineData(
        "OPTIONS http://a.com HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n" + Ours + "\r\n")]
    public void A_request_goes_to_the_app_like_this(string received, string sent)
    {
        var forwarded = new ForwardedFields(IPAddress.Parse("1.2.3.4"), "http");

        Assert.Equal(sent, Heads.Written(output => HeadWriter.WriteRequest(output, Heads.Request(received), forwarded)));
    }

    [Theory]
    [InlineData(
        "HTTP/1.0 200\r\nContent-Length: 5\r\nConnection: keep-alive, A\r\nKeep-Alive: 5\r\nA: 1\r\nB: 2\r\n\r\n",
        BodyFraming.Length, "", "HTTP/1.1 200 \r\nContent-Length: 5\r\nB: 2\r\n\r\n")]
    [InlineData(
        "HTTP/1.1 404 Not here\r\nTransfer-Encoding: chunked\r\nB: 2\r\n\r\n",
        BodyFraming.Chunked, "Connection: close\r\n", "HTTP/1.1 404 Not here\r\nB: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")]
    [InlineData(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        BodyFraming.UntilClose, "Connection: close\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")]
    [InlineData("HTTP/1.1 204 None\r\nContent-Length: 0\r\nA: 1\r\n\r\n", BodyFraming.None, "", "HTTP/1.1 204 None\r\nA: 1\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", BodyFraming.None, "", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 103 Hints\r\nContent-Length: 5\r\nLink: a\r\n\r\n", BodyFraming.None, "", "HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n")]
    [InlineData(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: 1\r\n\r\n",
        BodyFraming.None, "", "HTTP/1.1 101 Switching\r\nA: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData(
        "HTTP/1.1 426 Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\r\n",
        BodyFraming.Length, "", "HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n")]
    [InlineData("HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\n\r\n", BodyFraming.Length, "", "HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n", BodyFraming.Length, "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    internal void A_response_goes_to_the_client_like_this(string received, BodyFraming framing, string connection, string sent) =>
        Assert.Equal(sent, Heads.Written(output =>
            HeadWriter.WriteResponse(output, Heads.Response(received), framing, Wire.Bytes(connection), date: default)));

    [Theory]
    [InlineData("A: 1\r\n", "A: 1\r\nDate: now\r\n")]
    [InlineData("dAtE: then\r\nA: 1\r\n", "dAtE: then\r\nA: 1\r\n")]
    [InlineData("Date: then\r\nDate: later\r\n", "Date: then\r\nDate: later\r\n")]
    [InlineData("Date:\r\n", "Date:\r\n")]
    [InlineData("Date: then\r\nConnection: date\r\n", "Date: now\r\n")]
    public void A_response_without_a_date_gets_one(string received, string sent) => Assert.Equal(
        $"HTTP/1.1 200 OK\r\n{sent}\r\n",
        Heads.Written(output => HeadWriter.WriteResponse(
            output, Heads.Response($"HTTP/1.1 200 OK\r\n{received}\r\n"), BodyFraming.None, default, "Date: now\r\n"u8)));

    [Theory]
    [InlineData("POST", "", "Content-Length: 0\r\n")]
    [InlineData("PUT", "", "Content-Length: 0\r\n")]
    [InlineData("PATCH", "", "Content-Length: 0\r\n")]
    [InlineData("POST", "Content-Length: 5\r\n", "")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n")]
    [InlineData("POST", "Connection: Upgrade\r\nUpgrade: tcp\r\n", "")]
    [InlineData("GET", "", "")]
    [InlineData("DELETE", "", "")]
    public void A_request_that_could_have_a_body_says_that_it_has_none(string method, string fields, string last)
    {
        var forwarded = new ForwardedFields(IPAddress.Parse("1.2.3.4"), "http");
        var request = Heads.Request($"{method} / HTTP/1.1\r\nHost: a.com\r\n{fields}\r\n");

        var sent = Heads.Written(output => HeadWriter.WriteRequest(output, request, forwarded));

        Assert.EndsWith($"\r\n{last}\r\n", sent);
        Assert.Equal(last.StartsWith("Content-Length") || fields.StartsWith("Content-Length"), sent.Contains("Content-Length"));
    }

    [Fact]
    public void Trailers_pass_but_none_that_would_belong_into_a_head()
    {
        var decoder = new BodyDecoder();
        decoder.Reset(BodyFraming.Chunked, 0);
        var bytes = Wire.Bytes(
            "0\r\nA:  1\r\nContent-Length: 5\r\nHost: b.com\r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: 6.6.6.6\r\nX_Real_IP: 6\r\nB: 2\r\n\r\n");
        Assert.Equal(BodyEvent.End, decoder.Take(bytes, 0, bytes.Length, out _, out _));

        Assert.Equal(
            "0\r\nA:  1\r\nB: 2\r\n\r\n", Heads.Written(output => HeadWriter.WriteLastChunk(output, decoder.Trailers)));
    }

    [Fact]
    public void Whatever_a_client_sends_the_app_gets_one_host_one_framing_and_our_fields() => Cases.Check(
        GeneratedRequest.Create,
        generated =>
        {
            var request = Heads.Request(generated.Text);
            if (request.Host.IsEmpty)
                return;
            var forwarded = new ForwardedFields(IPAddress.Parse("1.2.3.4"), "http");
            var sent = Heads.Written(output => HeadWriter.WriteRequest(output, request, forwarded));
            var again = ParsedRequest.Parse(sent);
            Assert.Equal(
                (ParseStatus.Complete, sent.Length, generated.Meaning.Method, generated.Meaning.Target, generated.Meaning.Authority),
                (again.Status, again.HeadLength, again.Method, again.Target, again.Authority));
            var framing = request.LacksLength ? BodyFraming.Length : generated.Meaning.Framing;
            Assert.Equal(
                (framing, generated.Meaning.ContentLength, true, 1),
                (again.Framing, again.ContentLength, again.IsPersistent, again.MinorVersion));
            Assert.Contains("X-Forwarded-For=1.2.3.4\nX-Real-IP=1.2.3.4\nX-Forwarded-Proto=http", again.Fields);
        });
}

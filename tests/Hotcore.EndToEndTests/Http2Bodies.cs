using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>Messages over HTTP/2 and what becomes of them in HTTP/1.1: bodies, trailers, interim answers, broken ones.</summary>
public class Http2Bodies(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>Answers that are no HTTP/1.1, or promise more than comes; the connection ends behind them.</summary>
    private static readonly Dictionary<string, string> BrokenAnswers = new()
    {
        ["nothing"] = "",
        ["no HTTP at all"] = "hello\r\n\r\n",
        ["half a head"] = "HTTP/1.1 200 OK\r\nContent-Le",
        ["two lengths"] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        ["a bare CR in a value"] = "HTTP/1.1 200 OK\r\nX-Field: a\rb\r\nContent-Length: 5\r\n\r\nhello",
        ["a NUL in a value"] = "HTTP/1.1 200 OK\r\nX-Field: a\0b\r\nContent-Length: 5\r\n\r\nhello",
        ["a folded line"] = "HTTP/1.1 200 OK\r\nX-Field: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
        ["a field name with a colon in front"] = "HTTP/1.1 200 OK\r\n:status: 404\r\nContent-Length: 5\r\n\r\nhello",
        ["101 that nobody asked for"] = Answers.SwitchingProtocols,
        ["a status of four digits"] = "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
        ["half a body"] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        ["no last chunk"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ["half a chunk"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ["a chunk size that is no number"] =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ng\r\nhello\r\n0\r\n\r\n",
        ["a chunk longer than its size"] =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        ["half a trailer section"] =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: a\r\n",
    };

    public static TheoryData<string> BrokenAnswerNames => [.. BrokenAnswers.Keys];

    [Fact]
    public async Task A_body_with_a_length_keeps_it()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/a?b=c", "POST", [("content-length", "11")], endStream: false);

        await client.Send(Data(stream.Id, "hello "), Data(stream.Id, "world", true));
        await client.ReadAnswer(stream);

        Assert.Equal("POST /a?b=c hello world", stream.Text);
        var request = Assert.Single(upstream.Requests);
        Assert.Equal(("11", Harness.Framing.Length), (request.Fields["Content-Length"], request.Framing));
        Assert.Equal(stream.Text.Length.ToString(), stream.Head!["content-length"]);
    }

    [Fact]
    public async Task A_body_without_a_length_becomes_chunked()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/a", "POST", endStream: false);

        await client.Send(
            Data(stream.Id, "hello "), Data(stream.Id, ""), Data(stream.Id, "world"), Data(stream.Id, "", true));
        await client.ReadAnswer(stream);

        Assert.Equal("POST /a hello world", stream.Text);
        Assert.Equal(Harness.Framing.Chunked, Assert.Single(upstream.Requests).Framing);
    }

    [Theory]
    [InlineData("POST", "0")]
    [InlineData("PUT", "0")]
    [InlineData("PATCH", "0")]
    [InlineData("GET", null)]
    [InlineData("DELETE", null)]
    public async Task A_request_that_ends_with_its_head_or_with_an_empty_frame_behind_it_has_no_body(string method, string? length)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1, Http2Client.Head(domain, "/with-its-head", method)));
        await client.Send(Headers(3, Http2Client.Head(domain, "/behind", method), endStream: false), Data(3, "", true));
        var block = Http2Client.Head(domain, "/in-pieces", method);
        await client.Send(
            Headers(5, block[..5], endStream: false, endHeaders: false), Continuation(5, block[5..]), Data(5, "", true));

        foreach (var id in (uint[])[1, 3, 5])
            await client.ReadAnswerOf(id);
        Assert.Equal(3, upstream.Requests.Count);
        Assert.All(upstream.Requests, request => Assert.Equal(length, request.Fields["Content-Length"]));
        Assert.All(upstream.Requests, request => Assert.False(request.Fields.Has("Transfer-Encoding")));
    }

    [Theory]
    [InlineData("another stream's frame")]
    [InlineData("a frame with content")]
    [InlineData("a frame that does not end it")]
    [InlineData("a frame that is padded")]
    public async Task A_request_is_not_ended_by(string what)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var other = await client.Request(domain, "/other", "POST", endStream: false);
        var id = client.NextStream();

        await client.Send(
            Headers(id, Http2Client.Head(domain, "/open", "POST"), endStream: false),
            what switch
            {
                "another stream's frame" => Data(other.Id, "", true),
                "a frame with content" => Data(id, "hello", true),
                "a frame that does not end it" => Data(id, ""),
                _ => Padded(Data(id, "", true), 3),
            });
        if (what is "another stream's frame" or "a frame that does not end it")
            await client.Send(Data(id, "hello", true));
        await client.ReadAnswerOf(id);

        var text = what == "a frame that is padded" ? "POST /open " : "POST /open hello";
        Assert.Equal(text.Trim(), client.Stream(id).Text.Trim());
    }

    [Fact]
    public async Task A_piece_of_a_body_reaches_the_upstream_while_the_next_is_not_there_yet_and_so_back()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/chat", "POST", endStream: false);
        using var connection = await upstream.Accept();
        var incoming = connection.BodyOf(await connection.ExpectHead());
        await connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        await client.ReadHead(stream);
        var buffer = new byte[100];

        for (var i = 0; i < 5; i++)
        {
            await client.Send(Data(stream.Id, $"question {i}"));
            var read = await Wait.For(incoming.Read(buffer).AsTask(), "a question");
            Assert.Equal($"question {i}", Encoding.ASCII.GetString(buffer, 0, read));
            await connection.Send($"8\r\nanswer {i}\r\n");
            await client.Until(() => stream.Text.EndsWith($"answer {i}"), "an answer");
        }
        await client.Send(Data(stream.Id, "", true));
        Assert.Equal(0, await Wait.For(incoming.Read(buffer).AsTask(), "the end of the questions"));
        await connection.Send("0\r\n\r\n");
        await client.ReadAnswer(stream);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_trailers_of_a_request_reach_the_upstream(bool hasBody)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", [("trailer", "x-sum")], endStream: false);

        if (hasBody)
            await client.Send(Data(stream.Id, "hello"));
        await client.Send(Headers(stream.Id, Hpack.Block(("x-sum", "abc"), ("x-other", "d e"))));
        await client.ReadAnswer(stream);

        var request = Assert.Single(upstream.Requests);
        Assert.Equal(hasBody ? "hello" : "", request.Text);
        Assert.Equal(("abc", "d e"), (request.Trailers["X-Sum"], request.Trailers["X-Other"]));
    }

    [Fact]
    public async Task Trailers_behind_a_body_with_a_length_do_no_harm()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", [("content-length", "5")], endStream: false);

        // HTTP/1.1 has no place for them behind a length: they are dropped, or the body becomes chunked.
        await client.Send(Data(stream.Id, "hello"), Headers(stream.Id, Hpack.Block(("x-sum", "abc"))));
        await client.ReadAnswer(stream);

        Assert.Equal("POST / hello", stream.Text);
        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
        Assert.Empty(upstream.Malformed);
    }

    [Fact]
    public async Task A_trailer_cannot_carry_framing_or_a_host()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", endStream: false);

        // RFC 9110 6.5.1. The request may be refused, or the fields dropped.
        await client.Send(Data(stream.Id, "hello"), Headers(stream.Id, Hpack.Block(
            ("content-length", "77"), ("host", "other.example.com"), ("x-sum", "abc"))));
        await client.Until(() => stream.IsOver, "an answer or a refusal");

        Assert.DoesNotContain("77", upstream.Received);
        Assert.DoesNotContain("other.example.com", upstream.Received);
        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
    }

    [Theory]
    [InlineData("5\r\nhello\r\n")]
    [InlineData("")]
    public async Task The_trailers_of_an_answer_reach_the_client(string chunks)
    {
        await using var upstream = TestUpstream.Answering(_ =>
            $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n{chunks}0\r\nX-Sum: abc\r\nx-other: d\r\n\r\n");
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var answer = await client.Get(domain, "/", ("te", "trailers"));

        Assert.Equal(chunks == "" ? "" : "hello", answer.Text);
        Assert.Equal(("abc", "d"), (answer.Trailers["x-sum"], answer.Trailers["x-other"]));
    }

    [Fact]
    public async Task An_early_hint_comes_before_the_answer()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await connection.Send(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n");
        await client.Until(() => stream.Interim.Count == 1, "the hint");
        await connection.Send("HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + Answers.Ok("page"));
        await client.ReadAnswer(stream);

        Assert.Equal(["103", "103"], stream.Interim.Select(interim => interim[":status"]));
        Assert.Equal("</a.css>; rel=preload", stream.Interim[0]["link"]);
        Assert.False(stream.Interim[0].Has("x-hop"));
        Assert.Equal((200, "page"), (stream.Status, stream.Text));
    }

    [Fact]
    public async Task A_client_that_expects_100_continue_gets_the_upstreams_and_sends_its_body_then()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(
            domain, "/", "POST", [("content-length", "5"), ("expect", "100-continue")], endStream: false);
        using var connection = await upstream.Accept();
        var head = await connection.ExpectHead();
        Assert.Equal("100-continue", head.Fields["Expect"]);

        await connection.Send("HTTP/1.1 100 Continue\r\n\r\n");
        await client.Until(() => stream.Interim.Count == 1, "100");
        Assert.Equal("100", stream.Interim[0][":status"]);
        await client.Send(Data(stream.Id, "hello", true));
        Assert.Equal("hello"u8.ToArray(), await connection.BodyOf(head).ReadAll());
        await connection.Send(Answers.Ok("thanks"));
        await client.ReadAnswer(stream);

        Assert.Equal("thanks", stream.Text);
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_body_is_through_is_followed_by_the_end_of_the_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", [("content-length", "1000000")], endStream: false);
        await client.Send(Data(stream.Id, "the beginning"));
        using var connection = await upstream.Accept();
        await connection.ExpectHead();

        await connection.Send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much");
        connection.HalfClose();
        await client.ReadAnswer(stream);
        Assert.Equal((413, "too much"), (stream.Status, stream.Text));
        // 8.1: the server may reset what it does not want to hear, with NO_ERROR, or let it pass.
        await client.Send(Data(stream.Id, new byte[10_000]));
        await client.ExpectPong();
        Assert.True(stream.Reset is null or NoError, $"{stream.Reset}");
        Assert.Null(client.GoAway);
        var next = await client.Request(domain, "/next");
        using var other = await upstream.Accept();
        await other.ExpectRequest();
        await other.Send(Answers.Ok("next"));
        await client.ReadAnswer(next);

        Assert.DoesNotContain("/next", connection.Received);
    }

    [Fact]
    public async Task An_answer_to_HEAD_has_a_length_and_no_body()
    {
        await using var upstream = TestUpstream.Answering(request => request.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Request(domain, "/", "HEAD");
        await client.ReadAnswer(stream);

        Assert.Equal(("1000", 0L), (stream.Head!["content-length"], stream.BodyLength));
        Assert.Equal("next", (await client.Get(domain)).Text);
    }

    [Fact]
    public async Task A_chunked_answer_to_HEAD_has_no_body()
    {
        await using var upstream = TestUpstream.Answering(request => request.Method == "HEAD"
            ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Request(domain, "/", "HEAD");
        await client.ReadAnswer(stream);

        Assert.Equal("next", (await client.Get(domain)).Text);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 204)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n", 304)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200)]
    public async Task An_answer_without_a_body_ends_with_its_head_or_right_behind_it(string answer, int status)
    {
        await using var upstream =
            TestUpstream.Answering(request => request.Target == "/" ? answer : Answers.Ok("next"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var stream = await client.Get(domain);

        Assert.Equal((status, 0L), (stream.Status, stream.BodyLength));
        Assert.Equal("next", (await client.Get(domain, "/next")).Text);
        Assert.Single(upstream.Connections);
    }

    [Fact]
    public async Task An_answer_that_ends_with_its_connection_arrives_whole()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello ");
            await connection.Send("world");
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        Assert.Equal("hello world", (await client.Get(domain)).Text);
        Assert.Equal("hello world", (await client.Get(domain)).Text);
    }

    [Theory]
    [MemberData(nameof(BrokenAnswerNames))]
    public async Task A_broken_answer_is_502_or_a_reset_and_never_a_whole_one(string name)
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                if (request.Target != "/broken")
                {
                    await connection.Send(TestUpstream.Repeat(request));
                    continue;
                }
                await connection.Send(BrokenAnswers[name]);
                return;
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // POST, because a GET would be sent again.
        var stream = await client.Request(domain, "/broken", "POST", [("content-length", "0")]);
        await client.Until(() => stream.IsOver, "502 or a reset");

        if (stream.HasEnded)
            Assert.Equal(502, stream.Status);
        else
            Assert.NotEqual(NoError, stream.Reset);
        Assert.Equal("GET /clean", (await client.Get(domain, "/clean")).Text);
        Assert.All(upstream.Connections, connection => Assert.False(
            connection.Received.Contains("/broken") && connection.Received.Contains("/clean")));
    }

    [Fact]
    public async Task An_upstream_that_vanishes_within_an_answer_resets_the_stream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain);
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();
        await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        await client.Until(() => stream.BodyLength == 4, "half the answer");

        connection.Reset();
        await client.Until(() => stream.IsOver, "the reset of the stream");

        Assert.False(stream.HasEnded);
        Assert.NotEqual(NoError, stream.Reset);
        await client.ExpectPong();
    }

    [Fact]
    public async Task A_client_that_resets_a_download_ends_it_at_the_upstream()
    {
        var ended = new TaskCompletionSource();
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            if ((await connection.ExpectRequest()).Target != "/endless")
            {
                await connection.Send(Answers.Ok("next", "Connection: close\r\n"));
                return;
            }
            try
            {
                await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
                for (; ; )
                    await connection.Send(new byte[16_384]);
            }
            finally
            {
                ended.TrySetResult();
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/endless");
        stream.KeepsBody = false;
        await client.Until(() => stream.BodyLength > 1_000_000, "a part of the download");

        await client.Send(RstStream(stream.Id));

        await Wait.For(ended.Task, "the end of the download at the upstream");
        Assert.Equal("next", (await client.Get(domain, "/next")).Text);
    }

    [Fact]
    public async Task A_client_that_resets_an_upload_never_lets_it_look_whole()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/upload", "POST", endStream: false);
        await client.Send(Data(stream.Id, "half"));
        using var connection = await upstream.Accept();
        var incoming = connection.BodyOf(await connection.ExpectHead());
        await Wait.For(incoming.Read(new byte[4]).AsTask(), "half the body");

        await client.Send(RstStream(stream.Id));

        await Assert.ThrowsAsync<TruncatedMessageException>(
            () => Wait.For(incoming.ReadAll(), "the end of the upload"));
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_all_its_requests()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var client = await Http2Client.Connect(Hotcore.Http);
        var connections = new List<UpstreamConnection>();
        for (var i = 0; i < 10; i++)
        {
            await client.Request(domain, $"/{i}");
            connections.Add(await upstream.Accept());
            await connections[^1].ExpectRequest();
        }

        client.Raw.Reset();
        await client.DisposeAsync();

        foreach (var connection in connections)
            await connection.ExpectEnd();
    }

    [Fact]
    public async Task Many_bodies_interleaved_arrive_each_as_its_own()
    {
        const int count = 50;
        const int pieces = 20;
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var streams = new List<Http2Stream>();
        for (var i = 0; i < count; i++)
            streams.Add(await client.Request(domain, $"/{i}", "POST",
                i % 2 == 0 ? [] : [("content-length", (pieces * 500).ToString())], endStream: false));

        for (var piece = 0; piece < pieces; piece++)
        {
            for (var i = 0; i < count; i++)
                await client.SendBody(streams[i], Encoding.ASCII.GetBytes($"{i:000}-{piece:000};".PadRight(500, '.')),
                    piece == pieces - 1);
        }

        for (var i = 0; i < count; i++)
        {
            await client.ReadAnswer(streams[i]);
            var expected =
                string.Concat(Enumerable.Range(0, pieces).Select(piece => $"{i:000}-{piece:000};".PadRight(500, '.')));
            Assert.Equal($"POST /{i} {expected}", streams[i].Text);
        }
    }

    [Fact]
    public async Task Many_answers_interleaved_arrive_each_as_its_own()
    {
        const int count = 60;
        await using var upstream = TestUpstream.Answering(request =>
            Answers.Ok(string.Concat(Enumerable.Repeat($"{request.Target};", 10_000))));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var requests = new List<Http2Stream>();
        for (var i = 0; i < count; i++)
            requests.Add(await client.Request(domain, $"/{i:000}"));
        for (var i = 0; i < count; i++)
        {
            await client.ReadAnswer(requests[i]);
            Assert.Equal(string.Concat(Enumerable.Repeat($"/{i:000};", 10_000)), requests[i].Text);
        }
    }

    [Fact]
    public async Task A_small_answer_is_not_held_up_by_a_huge_one()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            while (await connection.ReadRequest() is { } request)
            {
                if (request.Target == "/small")
                {
                    await connection.Send(Answers.Ok("small"));
                    continue;
                }
                await connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
                for (; ; )
                    await connection.Send(new byte[65_536]);
            }
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, new Http2Options { Settings = [(Http2Setting.InitialWindowSize, 10_000_000)] });
        await client.Send(WindowUpdate(0, 1_000_000_000));
        var huge = await client.Request(domain, "/huge");
        huge.KeepsBody = false;
        await client.Until(() => huge.BodyLength > 1_000_000, "a part of the download");

        for (var i = 0; i < 20; i++)
        {
            var before = huge.BodyLength;
            var small = await client.Get(domain, "/small");
            Assert.Equal("small", small.Text);
            // Behind what is on its way in sockets, however slowly that is read here, and not behind the 10 GB.
            Assert.InRange(huge.BodyLength - before, 0, 1_000_000_000);
        }
        Assert.False(huge.IsOver);
        await client.Send(RstStream(huge.Id));
    }

    [Fact]
    public async Task Two_large_answers_share_the_connection()
    {
        const int length = 20_000_000;
        var piece = new byte[10_000];
        var sent = new long[2];
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            var number = int.Parse((await connection.ExpectRequest()).Target[1..]);
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            for (; sent[number] < length; sent[number] += piece.Length)
                await connection.Send(piece);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, new Http2Options { Settings = [(Http2Setting.InitialWindowSize, 0)] });
        await client.Send(WindowUpdate(0, 100_000_000));
        var first = await client.Request(domain, "/0");
        var second = await client.Request(domain, "/1");
        first.KeepsBody = second.KeepsBody = false;
        var secondWhenFirstEnded = -1L;
        var firstWhenSecondEnded = -1L;
        first.OnBody = _ => secondWhenFirstEnded = first.BodyLength == length ? second.BodyLength : -1;
        second.OnBody = _ => firstWhenSecondEnded = second.BodyLength == length ? first.BodyLength : -1;
        await client.ReadHead(first);
        await client.ReadHead(second);
        await Wait.Until(() => sent.All(bytes => bytes >= length / 50), "the beginning of both answers in sockets");

        // Both bodies begin at once, and more of each than is asked for below is on its way, however late the app sends the rest.
        await client.Send(Settings((Http2Setting.InitialWindowSize, 1_000_000)));
        await client.ReadAnswer(first);
        await client.ReadAnswer(second);

        // Neither waited for the other's end.
        Assert.InRange(secondWhenFirstEnded, length / 100, length);
        Assert.InRange(firstWhenSecondEnded, length / 100, length);
    }

    [Fact]
    public async Task Requests_over_one_connection_go_to_their_own_upstreams()
    {
        await using var one = TestUpstream.Answering(_ => Answers.Ok("one"));
        await using var two = TestUpstream.Answering(_ => Answers.Ok("two"));
        var first = await Hotcore.AddNewDomain(one.Port);
        var second = await Hotcore.AddNewDomain(two.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("one", (await client.Get(first)).Text);
            Assert.Equal("two", (await client.Get(second)).Text);
        }
    }
}

/// <summary>Large bodies. Loads the machine.</summary>
[Collection(nameof(Alone))]
public class Http2LargeBodies(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Length = 100_000_000;
    private const long MostMemory = 80_000_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_of_100_MB_passes_unchanged_up_and_down_within_80_MB_of_memory(bool isOverTls)
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            connection.Reader.IsRecording = false;
            var incoming = connection.BodyOf(await connection.ExpectHead());
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {Length}\r\n\r\n");
            var piece = new byte[65_536];
            for (int read; (read = await incoming.Read(piece)) > 0;)
                await connection.Send(piece.AsMemory(0, read));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var sent = new byte[Length];
        new Random(8).NextBytes(sent);
        await using var client = isOverTls
            ? await Http2Client.ConnectTls(Hotcore, domain)
            : await Http2Client.Connect(Hotcore.Http);
        Memory.ForgetPeak(Hotcore.ProcessId);
        var stream = await client.Request(domain, "/", "POST", endStream: false);
        stream.KeepsBody = false;
        var (at, isSame) = (0, true);
        stream.OnBody = piece =>
        {
            isSame &= piece.Span.SequenceEqual(sent.AsSpan(at, piece.Length));
            at += piece.Length;
        };

        await Wait.For(client.SendBody(stream, sent), "the body's way up", TimeSpan.FromSeconds(60));
        await client.ReadAnswer(stream);

        Assert.Equal(Length, stream.BodyLength);
        Assert.True(isSame, "the body differs");
        Assert.InRange(Memory.PeakRssBytes(Hotcore.ProcessId), 1, MostMemory);
    }
}

using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>
/// Clients that make a server work for nothing. Each ends in GOAWAY, or costs no more than what the limits allow; nobody
/// else notices. Loads the machine.
/// </summary>
[Collection(nameof(Alone))]
public class Http2Attacks(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>How many frames, or pairs of them, an attack has before it must have ended.</summary>
    private const int Enough = 50_000;

    private const int PerBatch = 250;

    /// <summary>Streams that are opened and given up at once, by the client or, provoked by it, by the server.</summary>
    private static readonly Dictionary<string, (Func<uint, string, Http2Frame[]> Frames, Http2Error[] Errors)> StreamFloods = new()
    {
        ["requests reset at once (CVE-2023-44487)"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held")), RstStream(stream)],
                [EnhanceYourCalm]),
        ["requests with a body reset at once"] =
            ((stream, domain) => [Open(stream, domain), RstStream(stream)], [EnhanceYourCalm]),
        ["requests that are quickly answered reset at once"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/quick")), RstStream(stream)],
                [EnhanceYourCalm]),
        ["requests for an unknown domain reset at once"] =
            ((stream, _) => [Headers(stream, Http2Client.Head("nobody.example.com", "/")), RstStream(stream)],
                [EnhanceYourCalm]),

        // CVE-2025-8671: the client has the server reset its streams. What may end the connection by itself is also right.
        ["resets provoked by WINDOW_UPDATE of nothing"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held")), WindowUpdate(stream, 0)],
                [EnhanceYourCalm, ProtocolError]),
        ["resets provoked by windows beyond 31 bits"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held")), WindowUpdate(stream, 0x7fffffff)],
                [EnhanceYourCalm]),
        ["resets provoked by DATA behind the end"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held")), Data(stream, "")],
                [EnhanceYourCalm, StreamClosed]),
        ["resets provoked by HEADERS behind the end"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held")),
                Headers(stream, Http2Client.Head(domain, "/held"))],
                [EnhanceYourCalm, StreamClosed, ProtocolError]),
        ["resets provoked by PRIORITY of a wrong length"] =
            ((stream, domain) =>
                [Headers(stream, Http2Client.Head(domain, "/held")), Priority(stream, 0) with { Payload = [0] }],
                [EnhanceYourCalm, FrameSizeError]),
        ["resets provoked by bodies longer than stated"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held", "POST", ("content-length", "1")),
                endStream: false), Data(stream, "ab")],
                [EnhanceYourCalm]),
        ["resets provoked by bodies shorter than stated"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held", "POST", ("content-length", "9")),
                endStream: false), Data(stream, "ab", true)],
                [EnhanceYourCalm]),
        ["resets provoked by malformed heads"] =
            ((stream, domain) => [Headers(stream, Http2Client.Head(domain, "/held", "GET", ("UPPER", "a")))],
                [EnhanceYourCalm]),
        ["resets provoked by malformed trailers"] =
            ((stream, domain) => [Open(stream, domain), Headers(stream, Hpack.Block((":path", "/")))],
                [EnhanceYourCalm]),
    };

    /// <summary>Frames that cost the server something and carry nothing. Stream 1 is an upload under way.</summary>
    private static readonly Dictionary<string, (Http2Frame Frame, Http2Error[] Errors)> FrameFloods = new()
    {
        ["PING"] = (Ping("8 bytes."), [EnhanceYourCalm]),
        ["SETTINGS empty"] = (Settings(), [EnhanceYourCalm]),
        ["SETTINGS that change windows"] = (Settings((Http2Setting.InitialWindowSize, 65_535)), [EnhanceYourCalm]),
        ["SETTINGS of the largest size"] =
            (Settings([.. Enumerable.Repeat((Http2Setting.HeaderTableSize, 4_096u), 2_000)]), [EnhanceYourCalm]),
        ["DATA empty"] = (Data(1, ""), [EnhanceYourCalm]),
        ["DATA of padding alone"] = (Padded(Data(1, ""), 0), [EnhanceYourCalm, FlowControlError]),
        ["WINDOW_UPDATE of the connection"] = (WindowUpdate(0, 1), [EnhanceYourCalm]),
        ["WINDOW_UPDATE of a stream"] = (WindowUpdate(1, 1), [EnhanceYourCalm]),
        ["PRIORITY of a stream in use"] = (Priority(1, 0), [EnhanceYourCalm]),
        ["PRIORITY of an idle stream"] = (Priority(0x7fffffff, 0), [EnhanceYourCalm]),
    };

    private static readonly Dictionary<string, Func<byte[], Http2Frame>> ContinuationFloods = new()
    {
        ["empty"] = _ => Continuation(1, [], endHeaders: false),
        ["of one byte"] = _ => Continuation(1, [0], endHeaders: false),
        ["of whole fields"] = field => Continuation(1, field, endHeaders: false),
        ["as large as may be"] = field =>
            Continuation(
                1, [.. Enumerable.Repeat(field, 16_384 / field.Length).SelectMany(bytes => bytes)], endHeaders: false),
    };

    public static TheoryData<string> StreamFloodNames => [.. StreamFloods.Keys];

    public static TheoryData<string> FrameFloodNames => [.. FrameFloods.Keys];

    public static TheoryData<string> ContinuationFloodNames => [.. ContinuationFloods.Keys];

    [Theory]
    [MemberData(nameof(StreamFloodNames))]
    public async Task Streams_given_up_by_the_thousand_end_in_GOAWAY(string name)
    {
        var (frames, errors) = StreamFloods[name];
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await Http2Siege.Flood(client, Enumerable.Range(0, Enough / PerBatch).Select(batch => Bytes(
            Enumerable.Range(batch * PerBatch, PerBatch).SelectMany(i => frames((uint)((2 * i) + 1), siege.Domain)))));

        await client.ExpectConnectionError(errors);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("WINDOW_UPDATE of nothing")]
    [InlineData("window beyond 31 bits")]
    public async Task Requests_given_up_once_they_reached_the_upstream_end_in_GOAWAY(string name)
    {
        const int perRound = 50;
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var round = 0;

        for (uint first = 1; round < 200 && client.GoAway == null && client.End == null; round++, first += 2 * perRound)
        {
            var streams = Enumerable.Range(0, perRound).Select(i => first + (uint)(2 * i)).ToArray();
            await client.SendRaw(
                Bytes(streams.Select(stream => Headers(stream, Http2Client.Head(siege.Domain, "/held")))));
            // Time enough for a part of them to get there.
            await Task.Delay(5);
            await client.SendRaw(Bytes(streams.Select(stream => name switch
            {
                "reset" => RstStream(stream),
                "WINDOW_UPDATE of nothing" => WindowUpdate(stream, 0),
                _ => WindowUpdate(stream, 0x7fffffff),
            })));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{round} rounds of {perRound}");
        await client.ExpectConnectionError(EnhanceYourCalm, ProtocolError);
        Assert.True(name == "WINDOW_UPDATE of nothing" || client.GoAway!.Error == EnhanceYourCalm, $"{client.GoAway}");
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Theory]
    [MemberData(nameof(FrameFloodNames))]
    public async Task Frames_that_carry_nothing_end_in_GOAWAY(string name)
    {
        var (frame, errors) = FrameFloods[name];
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(Open(1, siege.Domain));
        var batch = Bytes(Enumerable.Repeat(frame, frame.Payload.Length > 1_000 ? 25 : PerBatch));

        await Http2Siege.Flood(client, Enumerable.Repeat(batch, Enough / PerBatch));

        await client.ExpectConnectionError(errors);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Theory]
    [InlineData("PING")]
    [InlineData("SETTINGS empty")]
    public async Task Frames_whose_answers_nobody_reads_are_not_answered_without_end(string name)
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http, new Http2Options { Reads = false });
        var batch = Bytes(Enumerable.Repeat(FrameFloods[name].Frame, PerBatch));

        // Either sending fails since the server has closed, or it stands still since the server reads no more.
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 20_000 && !client.IsSendingOver; i++)
                await client.SendRaw(batch);
        });
        await Task.WhenAny(sending, Task.Delay(TimeSpan.FromSeconds(2)));

        await siege.ExpectNoHarm(256);
        client.Raw.Reset();
        await Wait.For(sending, "the end of the attack");
    }

    [Theory]
    [MemberData(nameof(ContinuationFloodNames))]
    public async Task A_head_without_end_ends_in_GOAWAY(string name)
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var batch = Bytes(
            Enumerable.Repeat(ContinuationFloods[name](Hpack.Block(("x-field", new string('a', 100)))), PerBatch));

        await Http2Siege.Flood(
            client,
            Enumerable.Repeat(batch, Enough / PerBatch).Prepend(
                Bytes(Headers(1, Http2Client.Head(siege.Domain), endHeaders: false))));

        await client.ExpectConnectionError(EnhanceYourCalm);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task A_block_that_grows_a_thousandfold_is_not_unpacked()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        // One entry of 4,000 bytes, and 16,000 references of one byte to it: 64 MB.
        byte[] bomb = [.. Http2Client.Head(siege.Domain, "/bomb"), .. Enumerable.Repeat((byte)(0x80 | 62), 16_000)];
        await client.Send(Headers(
            1, [.. Http2Client.Head(siege.Domain, "/first"), .. Hpack.Indexing("x-entry", new string('a', 4_000))]));
        await client.ReadAnswerOf(1);

        await Http2Siege.Flood(client, Enumerable.Range(1, 300).Select(i => Bytes(Headers((uint)((2 * i) + 1), bomb))));
        await client.Until(
            () => client.End != null || client.Stream(601).IsOver, "the last refusal, or the end of the connection");

        if (client.End != null)
            Assert.Equal(EnhanceYourCalm, client.GoAway?.Error);
        Assert.All(Enumerable.Range(1, 300).Select(i => client.Stream((uint)((2 * i) + 1))), stream =>
            Assert.True(stream.Head == null || stream.Status == 431));
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task Cookies_in_crumbs_are_not_put_together_without_end()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        // Index 32 is an empty cookie.
        byte[] crumbs = [.. Enumerable.Repeat((byte)(0x80 | 32), 10_000)];

        await client.Send(
            Headers(1, [.. Http2Client.Head(siege.Domain, "/crumbs"), .. crumbs], endHeaders: false), Continuation(1, crumbs));
        await client.Until(() => client.End != null || client.Stream(1).IsOver, "a refusal");

        Assert.True(client.Stream(1).Head == null || client.Stream(1).Status == 431);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task A_client_that_asks_for_much_and_never_reads_costs_what_windows_and_buffers_hold()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http, new Http2Options
        {
            Reads = false,
            Settings = [(Http2Setting.InitialWindowSize, 0x7fffffff)],
        });
        await client.Send(WindowUpdate(0, 0x7fff0000));

        await client.Send([.. Enumerable.Range(0, 100).Select(
            i => Headers((uint)((2 * i) + 1), Http2Client.Head(siege.Domain, "/large")))]);
        await Wait.Until(() => siege.Upstream.Connections.Count >= 100, "the requests at the upstream");
        await Task.Delay(TimeSpan.FromSeconds(1));

        await siege.ExpectNoHarm(256);
    }

    [Fact]
    public async Task A_client_that_grants_no_window_and_asks_without_end_costs_as_much_as_its_streams()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, new Http2Options { Settings = [(Http2Setting.InitialWindowSize, 0)] });

        await Http2Siege.Flood(client, Enumerable.Range(0, 40).Select(batch => Bytes(
            Enumerable.Range(batch * PerBatch, PerBatch).Select(i =>
                Headers((uint)((2 * i) + 1), Http2Client.Head(siege.Domain, i % 2 == 0 ? "/large" : "/quick"))))));
        var last = client.Stream((2 * 40 * PerBatch) - 1);
        await Wait.Until(() => client.GoAway != null || last.Reset != null, "what becomes of the last request");

        // Those beyond the limit are refused, each or with the whole connection.
        if (client.GoAway != null)
            Assert.Equal(EnhanceYourCalm, client.GoAway.Error);
        else
            Assert.Equal(RefusedStream, last.Reset);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task A_client_that_grants_byte_after_byte_costs_as_much_as_its_streams()
    {
        const int count = 50;
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(
            Hotcore.Http, new Http2Options { GrantsWindows = false, Settings = [(Http2Setting.InitialWindowSize, 0)] });
        for (var i = 0; i < count; i++)
            await client.Request(siege.Domain, "/large");

        // Slow enough to be no flood: a byte each for all streams, forty times a second.
        for (var round = 0; round < 40 && client.GoAway == null; round++)
        {
            await client.Send([.. Enumerable.Range(0, count).Select(i => WindowUpdate((uint)((2 * i) + 1), 1))]);
            await Task.Delay(25);
        }

        await client.Until(() => client.GoAway != null || client.Stream(1).BodyLength == 40, "forty bytes, or GOAWAY");
        if (client.GoAway != null)
            Assert.Equal(EnhanceYourCalm, client.GoAway.Error);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task Streams_beyond_the_limit_by_the_thousand_reach_no_upstream()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await Http2Siege.Flood(client, Enumerable.Range(0, 40).Select(batch => Bytes(
            Enumerable.Range(batch * PerBatch, PerBatch).Select(
                i => Headers((uint)((2 * i) + 1), Http2Client.Head(siege.Domain, "/held"))))));
        await client.Until(
            () => client.GoAway != null || client.Stream((2 * 40 * PerBatch) - 1).Reset != null,
            "the refusal of the last, or of all");

        if (client.GoAway != null)
            Assert.Equal(EnhanceYourCalm, client.GoAway.Error);
        await siege.ExpectNoHarm(MostStreams(client));
    }

    [Fact]
    public async Task Hundreds_of_connections_that_say_little_cost_little()
    {
        await using var siege = await Http2Siege.Begin(Hotcore);
        var clients = new List<RawClient>();
        for (var i = 0; i < 500; i++)
        {
            clients.Add(await Hotcore.Connect());
            byte[] bytes = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Bytes(Settings()), .. Header(16_384, 1, 4, 1)];
            await clients[^1].Send(bytes);
        }

        await siege.ExpectNoHarm(256);
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    private static Http2Frame Open(uint stream, string domain) =>
        Headers(stream, Http2Client.Head(domain, "/held", "POST"), endStream: false);

    private static uint MostStreams(Http2Client client) => client.ServerSettings[Http2Setting.MaxConcurrentStreams];
}

/// <summary>What an eager client does, and what is no attack.</summary>
public class Http2EagerClients(SharedHotcore shared) : HotcoreTest(shared)
{
    [Fact]
    public async Task A_body_in_many_small_pieces_is_no_flood()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", endStream: false);

        await client.SendBody(stream, new byte[5_000].AsMemory(), mostPerFrame: 1);
        await client.ReadAnswer(stream);

        Assert.Equal(5_000, upstream.Requests[0].Body.Length);
    }

    [Fact]
    public async Task A_window_granted_anew_for_every_frame_is_no_flood()
    {
        const int length = 20_000_000;
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            await connection.Send(new byte[length]);
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // As the client does by itself: two for every 16 KiB.
        var stream = await client.Request(domain);
        stream.KeepsBody = false;
        await client.ReadAnswer(stream);

        Assert.Equal(length, stream.BodyLength);
        Assert.Null(client.GoAway);
    }

    [Fact]
    public async Task A_PING_with_every_request_is_no_flood()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        for (var i = 0; i < 200; i++)
        {
            await client.Send(Ping("measured"));
            Assert.Equal($"GET /{i}", (await client.Get(domain, $"/{i}")).Text);
        }

        Assert.Null(client.GoAway);
    }

    [Fact]
    public async Task Thousands_of_requests_in_a_row_are_no_flood()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var atOnce = new Queue<Http2Stream>();

        for (var i = 0; i < 3_000; i++)
        {
            atOnce.Enqueue(await client.Request(domain, "/"));
            if (atOnce.Count == 50)
                await client.ReadAnswer(atOnce.Dequeue());
        }
        foreach (var stream in atOnce)
            await client.ReadAnswer(stream);

        Assert.Equal(3_000, upstream.Requests.Count);
        Assert.Null(client.GoAway);
    }
}

using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 3.4, 4, 5.5 and 6: how a connection begins, and where frames begin and end.</summary>
public class Http2Framing(SharedHotcore shared) : HotcoreTest(shared)
{
    private static readonly byte[] NoBytes = [];

    /// <summary>What ends the connection, and with which errors.</summary>
    private static readonly Dictionary<string, (Func<string, byte[]> Bytes, Http2Error[] Errors)> ConnectionErrors = new()
    {
        ["DATA on stream 0"] = (_ => Bytes(Data(0, "smuggled", true)), [ProtocolError]),
        ["HEADERS on stream 0"] = (domain => Bytes(Headers(0, Smuggled(domain))), [ProtocolError]),
        ["PRIORITY on stream 0"] = (_ => Bytes(Priority(0, 1)), [ProtocolError]),
        ["RST_STREAM on stream 0"] = (_ => Bytes(RstStream(0)), [ProtocolError]),
        ["CONTINUATION on stream 0"] = (domain => Bytes(Continuation(0, Smuggled(domain))), [ProtocolError]),
        ["SETTINGS on a stream"] = (_ => Bytes(Settings() with { Stream = 1 }), [ProtocolError]),
        ["SETTINGS acknowledged on a stream"] = (_ => Bytes(SettingsAck with { Stream = 1 }), [ProtocolError]),
        ["PING on a stream"] = (_ => Bytes(Ping("8 bytes.") with { Stream = 1 }), [ProtocolError]),
        ["GOAWAY on a stream"] = (_ => Bytes(GoAway(0) with { Stream = 1 }), [ProtocolError]),
        ["PUSH_PROMISE from a client"] =
            (domain => Bytes(new Http2Frame(
                Http2FrameType.PushPromise, Http2Flags.EndHeaders, 1, [.. UInt32(2), .. Smuggled(domain)])),
                    [ProtocolError]),
        ["PUSH_PROMISE on a request under way"] =
            (domain => Bytes(Open(domain), new Http2Frame(
                Http2FrameType.PushPromise, Http2Flags.EndHeaders, 1, [.. UInt32(2), .. Smuggled(domain)])),
                    [ProtocolError]),

        ["PING of 7 bytes"] = (_ => Bytes(Ping("7 bytes")), [FrameSizeError]),
        ["PING of 9 bytes"] = (_ => Bytes(Ping("9 bytes..")), [FrameSizeError]),
        ["PING empty"] = (_ => Bytes(Ping("")), [FrameSizeError]),
        ["PING acknowledged in 7 bytes"] = (_ => Bytes(Ping("7 bytes", isAck: true)), [FrameSizeError]),
        ["SETTINGS of 5 bytes"] = (_ => Bytes(Settings() with { Payload = new byte[5] }), [FrameSizeError]),
        ["SETTINGS of 7 bytes"] = (_ => Bytes(Settings() with { Payload = new byte[7] }), [FrameSizeError]),
        ["SETTINGS acknowledged with a setting"] =
            (_ => Bytes(SettingsAck with { Payload = [0, 4, 0, 0, 255, 255] }), [FrameSizeError]),
        ["RST_STREAM of 3 bytes"] =
            (domain => Bytes(Open(domain), RstStream(1) with { Payload = new byte[3] }), [FrameSizeError]),
        ["RST_STREAM of 5 bytes"] =
            (domain => Bytes(Open(domain), RstStream(1) with { Payload = new byte[5] }), [FrameSizeError]),
        ["RST_STREAM empty"] = (domain => Bytes(Open(domain), RstStream(1) with { Payload = [] }), [FrameSizeError]),
        ["WINDOW_UPDATE of 3 bytes"] = (_ => Bytes(WindowUpdate(0, 1) with { Payload = [0, 0, 1] }), [FrameSizeError]),
        ["WINDOW_UPDATE of 5 bytes"] =
            (_ => Bytes(WindowUpdate(0, 1) with { Payload = [0, 0, 0, 1, 0] }), [FrameSizeError]),
        ["WINDOW_UPDATE of 3 bytes on a stream"] =
            (domain => Bytes(Open(domain), WindowUpdate(1, 1) with { Payload = [0, 0, 1] }), [FrameSizeError]),
        ["GOAWAY of 7 bytes"] = (_ => Bytes(GoAway(0) with { Payload = new byte[7] }), [FrameSizeError]),
        ["HEADERS with a priority of 4 bytes"] =
            (_ => Bytes(Headers(1, new byte[4]) with { Flags = Http2Flags.Priority | Http2Flags.EndHeaders }),
            [FrameSizeError, ProtocolError]),

        ["DATA with padding as long as itself"] =
            (domain => Bytes(Open(domain), Data(1, [5, 1, 2, 3, 4], true) with { Flags = Http2Flags.Padded }),
            [ProtocolError]),
        ["DATA with padding longer than itself"] =
            (domain => Bytes(Open(domain), Data(1, [255, 1, 2, 3, 4], true) with { Flags = Http2Flags.Padded }),
            [ProtocolError]),
        ["DATA with no place for the length of its padding"] =
            (domain => Bytes(Open(domain), Data(1, NoBytes) with { Flags = Http2Flags.Padded }),
            [FrameSizeError, ProtocolError]),
        ["HEADERS with padding longer than itself"] =
            (domain => Bytes(PaddedBlock(255, Smuggled(domain))), [ProtocolError]),
        ["HEADERS with padding as long as itself"] =
            (domain => Bytes(PaddedBlock((byte)(Smuggled(domain).Length + 1), Smuggled(domain))), [ProtocolError]),
        ["HEADERS with no place for the length of its padding"] =
            (_ => Bytes(Headers(1, []) with { Flags = Http2Flags.Padded | Http2Flags.EndHeaders }),
            [FrameSizeError, ProtocolError]),
        ["HEADERS with a priority and padding that leaves no place for it"] =
            (_ => Bytes(Headers(1, [3, 0, 0, 0, 0, 0]) with
            {
                Flags = Http2Flags.Padded | Http2Flags.Priority | Http2Flags.EndHeaders,
            }), [FrameSizeError, ProtocolError]),

        ["CONTINUATION without HEADERS"] = (domain => Bytes(Continuation(1, Smuggled(domain))), [ProtocolError]),
        ["CONTINUATION behind the end of HEADERS"] =
            (domain => Bytes(Open(domain), Continuation(1, Smuggled(domain))), [ProtocolError]),
        ["CONTINUATION behind the end of CONTINUATION"] =
            (domain => Bytes(Open(domain) with { Flags = 0 }, Continuation(1, []), Continuation(1, Smuggled(domain))),
            [ProtocolError]),
        ["CONTINUATION behind DATA"] =
            (domain => Bytes(Open(domain), Data(1, "a"), Continuation(1, Smuggled(domain))), [ProtocolError]),
        ["CONTINUATION of another stream"] =
            (domain => Bytes(Cut(domain), Continuation(3, [])), [ProtocolError]),
        ["DATA within a head"] =
            (domain => Bytes(Cut(domain), Data(1, "smuggled"), Continuation(1, [])), [ProtocolError]),
        ["HEADERS within a head"] =
            (domain => Bytes(Cut(domain), Headers(3, Smuggled(domain)), Continuation(1, [])), [ProtocolError]),
        ["HEADERS of the same stream within a head"] =
            (domain => Bytes(Cut(domain), Headers(1, Smuggled(domain)), Continuation(1, [])), [ProtocolError]),
        ["PRIORITY within a head"] =
            (domain => Bytes(Cut(domain), Priority(3, 0), Continuation(1, [])), [ProtocolError]),
        ["RST_STREAM within a head"] =
            (domain => Bytes(Cut(domain), RstStream(1), Continuation(1, [])), [ProtocolError]),
        ["SETTINGS within a head"] = (domain => Bytes(Cut(domain), Settings(), Continuation(1, [])), [ProtocolError]),
        ["PING within a head"] = (domain => Bytes(Cut(domain), Ping("8 bytes."), Continuation(1, [])), [ProtocolError]),
        ["GOAWAY within a head"] = (domain => Bytes(Cut(domain), GoAway(0), Continuation(1, [])), [ProtocolError]),
        ["WINDOW_UPDATE within a head"] =
            (domain => Bytes(Cut(domain), WindowUpdate(0, 1), Continuation(1, [])), [ProtocolError]),
        ["unknown frame within a head"] =
            (domain => Bytes(Cut(domain), new Http2Frame((Http2FrameType)0x42, 0, 0, []), Continuation(1, [])),
            [ProtocolError]),
        ["unknown frame of the same stream within a head"] =
            (domain => Bytes(Cut(domain), new Http2Frame((Http2FrameType)0x42, 0, 1, []), Continuation(1, [])),
            [ProtocolError]),
    };

    /// <summary>What changes nothing: a request before it and behind it are served.</summary>
    private static readonly Dictionary<string, Http2Frame> Harmless = new()
    {
        ["unknown frame"] = new Http2Frame((Http2FrameType)0x42, 0, 0, "anything"u8.ToArray()),
        ["unknown frame with all flags"] =
            new Http2Frame((Http2FrameType)0xff, (Http2Flags)0xff, 0, "anything"u8.ToArray()),
        ["unknown frame on an idle stream"] = new Http2Frame((Http2FrameType)0x42, 0, 99, []),
        ["unknown frame on a stream of the server's"] = new Http2Frame((Http2FrameType)0x42, 0, 2, []),
        ["PRIORITY_UPDATE of RFC 9218"] = new Http2Frame((Http2FrameType)0x10, 0, 0, [.. UInt32(1), .. "u=1"u8]),
        ["ALTSVC of RFC 7838"] = new Http2Frame((Http2FrameType)0x0a, 0, 0, [0, 0, .. "h3=\":1\""u8]),
        ["PING with undefined flags"] = Ping("8 bytes.") with { Flags = (Http2Flags)0xfe },
        ["PING with the reserved bit"] = Ping("8 bytes.") with { Stream = 0x80000000 },
        ["PING acknowledged that was never sent"] = Ping("8 bytes.", isAck: true),
        ["SETTINGS empty"] = Settings(),
        ["WINDOW_UPDATE with the reserved bit"] = WindowUpdate(0, 0x80000001),
        ["WINDOW_UPDATE with undefined flags"] = WindowUpdate(0, 1) with { Flags = (Http2Flags)0xff },
        ["PRIORITY on an idle stream"] = Priority(99, 0),
        ["PRIORITY on a stream of the server's"] = Priority(2, 0),
        ["PRIORITY on a stream that has ended"] = Priority(1, 0),
        ["PRIORITY with undefined flags"] = Priority(99, 0) with { Flags = (Http2Flags)0xff },
        ["WINDOW_UPDATE on a stream that has ended"] = WindowUpdate(1, 1),
        ["RST_STREAM on a stream that has ended"] = RstStream(1),
    };

    public static TheoryData<string> ConnectionErrorNames => [.. ConnectionErrors.Keys];

    public static TheoryData<string> HarmlessNames => [.. Harmless.Keys];

    public static TheoryData<string> WrongBeginnings =>
    [
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
        "PRI * HTTP/2.0\r\nHost: a.example.com\r\n\r\n",
        "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
        "GET /smuggled HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\n\nSM\n\n",
    ];

    [Theory]
    [MemberData(nameof(ConnectionErrorNames))]
    public async Task A_frame_that_breaks_the_connections_rules_ends_it_with_GOAWAY(string name)
    {
        var (bytes, errors) = ConnectionErrors[name];
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.SendRaw(bytes(domain));

        await client.ExpectConnectionError(errors);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
        Assert.Equal(["GET /clean"], upstream.RequestLines);
        Assert.DoesNotContain("smuggled", upstream.Received);
    }

    [Theory]
    [MemberData(nameof(HarmlessNames))]
    public async Task A_frame_that_means_nothing_here_is_passed_over(string name)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        Assert.Equal("GET /before", (await client.Get(domain, "/before")).Text);

        await client.Send(Harmless[name]);

        Assert.Equal("GET /after", (await client.Get(domain, "/after")).Text);
    }

    [Theory]
    [MemberData(nameof(WrongBeginnings))]
    public async Task A_beginning_that_only_resembles_the_preface_is_no_HTTP_2(string beginning)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();

        byte[] bytes = [.. Encoding.Latin1.GetBytes(beginning), .. Bytes(Settings(), Headers(1, Smuggled(domain)))];
        await client.Send(bytes);

        // In HTTP/1.1 it is a malformed request; in HTTP/2 a GOAWAY may say so.
        await client.Reader.ReadToEnd();
        Assert.Equal("", upstream.Received);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Theory]
    [InlineData("PING")]
    [InlineData("HEADERS")]
    [InlineData("SETTINGS acknowledged")]
    [InlineData("WINDOW_UPDATE")]
    [InlineData("unknown frame")]
    public async Task The_preface_is_followed_by_SETTINGS(string first)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = Http2Client.Over(await RawClient.Connect(Hotcore.Http));

        await client.SendRaw([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Bytes(first switch
        {
            "PING" => Ping("8 bytes."),
            "HEADERS" => Headers(1, Smuggled(domain)),
            "SETTINGS acknowledged" => SettingsAck,
            "WINDOW_UPDATE" => WindowUpdate(0, 1),
            _ => new Http2Frame((Http2FrameType)0x42, 0, 0, []),
        })]);

        await client.ExpectConnectionError(ProtocolError);
        Assert.Equal("", upstream.Received);
    }

    [Fact]
    public async Task A_connection_may_begin_with_a_request_in_the_same_segment()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = Http2Client.Over(await RawClient.Connect(Hotcore.Http));
        await client.SendRaw([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Bytes(
            Settings(), Headers(1, Http2Client.Head(domain, "/first")),
                Headers(3, Http2Client.Head(domain, "/second")))]);

        await Task.WhenAll(client.ReadAnswerOf(1), client.ReadAnswerOf(3));

        Assert.Equal("GET /first", client.Stream(1).Text);
        Assert.Equal("GET /second", client.Stream(3).Text);
    }

    [Fact]
    public async Task A_connection_may_come_a_byte_at_a_time()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        // Nothing that the client answers by itself comes between the bytes of a frame.
        await using var client = Http2Client.Over(
            await RawClient.Connect(Hotcore.Http), new Http2Options { AcknowledgesSettings = false, GrantsWindows = false });
        byte[] bytes = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Bytes(
            Settings((Http2Setting.InitialWindowSize, 65_535)),
            Headers(1, Http2Client.Head(domain, "/slow", "POST"), endStream: false),
            Padded(Data(1, "hello"), 3),
            Data(1, "", endStream: true))];

        foreach (var oneByte in bytes)
            await client.SendRaw(new[] { oneByte });

        await client.ReadAnswerOf(1);
        Assert.Equal("POST /slow hello", client.Stream(1).Text);
    }

    [Theory]
    [InlineData(0, Http2FrameType.Data)]
    [InlineData(0, Http2FrameType.Headers)]
    [InlineData(0, Http2FrameType.Settings)]
    [InlineData(0, (Http2FrameType)0x42)]
    [InlineData(0xffffff - 16_385, Http2FrameType.Headers)]
    [InlineData(0xffffff - 16_385, (Http2FrameType)0x42)]
    public async Task A_frame_longer_than_the_server_allows_is_refused_before_its_payload_has_come(
        int more, Http2FrameType type)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var length = Math.Min(
            (int)client.ServerSettings.GetValueOrDefault(Http2Setting.MaxFrameSize, 16_384u) + 1 + more, 0xffffff);
        if (type == Http2FrameType.Data)
            await client.Send(Open(domain));

        // The length stands in the nine bytes of the header. One byte more shows that no other follows soon.
        await client.SendRaw(
            [.. Header(length, (byte)type, 0, type is Http2FrameType.Data or Http2FrameType.Headers ? 1u : 0), 0]);

        // 4.2: for a frame of one stream alone a stream error would do, if it were no part of a head.
        if (type == Http2FrameType.Data)
            await client.ExpectError(1, FrameSizeError);
        else
            await client.ExpectConnectionError(FrameSizeError);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task Frames_of_the_largest_size_are_read()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var filling = new string('a', 16_384 - Http2Client.Head(domain, "/", "POST", ("x-field", "")).Length - 3);
        var head = Http2Client.Head(domain, "/", "POST", ("x-field", filling + "a"));
        Assert.Equal(16_384, head.Length);

        await client.Send(
            Headers(1, head, endStream: false), Data(1, new string('b', 16_384)),
                Data(1, new string('c', 16_384), endStream: true));
        await client.ReadAnswerOf(1);

        Assert.Equal(filling.Length + 1, upstream.Requests[0].Fields["X-Field"]!.Length);
        Assert.Equal(32_768, upstream.Requests[0].Body.Length);
    }

    [Fact]
    public async Task A_head_may_be_cut_anywhere_into_CONTINUATION()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var block = Http2Client.Head(domain, "/cut", "GET", ("x-field", "value"));

        for (var cut = 0; cut < block.Length; cut += 3)
        {
            var stream = client.NextStream();
            await client.Send(Headers(stream, block[..cut], endHeaders: false), Continuation(stream, block[cut..]));
            await client.ReadAnswerOf(stream);
        }

        Assert.All(upstream.Requests, request => Assert.Equal("value", request.Fields["X-Field"]));
    }

    [Fact]
    public async Task A_head_in_a_handful_of_CONTINUATION_is_read_and_an_empty_one_among_them_too()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var block = Http2Client.Head(domain, "/cut");

        await client.Send(
            Headers(1, [], endHeaders: false), Continuation(1, block[..5], false), Continuation(1, [], false),
            Continuation(1, block[5..20], false), Continuation(1, block[20..]));
        await client.ReadAnswerOf(1);

        Assert.Equal("GET /cut", client.Stream(1).Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(255)]
    public async Task Padding_is_no_part_of_a_message(byte padding)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(
            Padded(Headers(1, Http2Client.Head(domain, "/padded", "POST"), endStream: false), padding),
            Padded(Data(1, "hello"), padding),
            Padded(Data(1, "", endStream: true), padding));
        await client.ReadAnswerOf(1);

        Assert.Equal("POST /padded hello", client.Stream(1).Text);
    }

    [Fact]
    public async Task A_priority_within_HEADERS_is_no_part_of_the_block()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var head = Headers(1, [.. UInt32(0x80000000), 255, .. Http2Client.Head(domain, "/first")]);

        await client.Send(head with { Flags = head.Flags | Http2Flags.Priority });
        await client.ReadAnswerOf(1);
        var padded = Padded(head with { Stream = 3 }, 7);
        await client.Send(padded with { Flags = padded.Flags | Http2Flags.Priority });
        await client.ReadAnswerOf(3);

        Assert.Equal("GET /first", client.Stream(1).Text);
        Assert.Equal("GET /first", client.Stream(3).Text);
    }

    [Fact]
    public async Task Undefined_flags_and_the_reserved_bit_change_nothing()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // 0xd2 is every flag that HEADERS does not define, 0xf6 every one that DATA does not.
        await client.SendRaw(Bytes(
            Headers(0x80000001, Http2Client.Head(domain, "/a", "POST")) with
            {
                Flags = Http2Flags.EndHeaders | (Http2Flags)0xd2,
            },
            Data(1, "hello") with { Flags = Http2Flags.EndStream | (Http2Flags)0xf6 }));
        await client.ReadAnswerOf(1);

        Assert.Equal("POST /a hello", client.Stream(1).Text);
    }

    [Fact]
    public async Task A_PING_is_answered_with_its_eight_bytes_and_an_answer_is_not()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Ping("\0\u0001 \u00ff\r\nyz", isAck: true));
        await client.Send(Ping("\0\u0001 \u00ff\r\nab"), Ping("second.."));
        await client.Expect(frame => frame.Type == Http2FrameType.Ping
            && frame.Payload.SequenceEqual("second.."u8.ToArray()), "the second PONG");

        var pongs = client.Frames.Where(frame => frame.Type == Http2FrameType.Ping).ToList();
        Assert.Equal(["0001 20FF 0D0A 6162".Replace(" ", ""), Convert.ToHexString("second.."u8)],
            pongs.Select(pong => Convert.ToHexString(pong.Payload)));
        Assert.All(pongs, pong => Assert.Equal((Http2Flags.Ack, 0u), (pong.Flags, pong.Stream)));
    }

    [Fact]
    public async Task A_head_of_an_answer_longer_than_a_frame_arrives_whole()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("page", string.Concat(
            Enumerable.Range(0, 20).Select(i => $"X-Field-{i}: {new string((char)('a' + i), 1_200)}\r\n"))));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        var answer = await client.Get(domain);

        Assert.Equal("page", answer.Text);
        for (var i = 0; i < 20; i++)
            Assert.Equal(new string((char)('a' + i), 1_200), answer.Head![$"x-field-{i}"]);
    }

    [Fact]
    public async Task Errors_of_one_connection_are_none_of_another()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var good = await Http2Client.Connect(Hotcore.Http);
        var stream = await good.Request(domain, "/held");
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await using (var bad = await Http2Client.Connect(Hotcore.Http))
        {
            await bad.Send(Ping("7 bytes"));
            await bad.ExpectConnectionError(FrameSizeError);
        }
        await connection.Send(Answers.Ok("held"));
        await good.ReadAnswer(stream);

        Assert.Equal("held", stream.Text);
    }

    [Fact]
    public async Task A_connection_error_names_the_last_stream_and_ends_its_requests_at_the_upstream()
    {
        await using var upstream = TestUpstream.Scripted();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        await client.Send(Headers(7, Http2Client.Head(domain, "/held")));
        using var connection = await upstream.Accept();
        await connection.ExpectRequest();

        await client.Send(Ping("7 bytes"));

        await client.ExpectConnectionError(FrameSizeError);
        Assert.Equal(7u, client.GoAway!.Number);
        await connection.ExpectEnd();
    }

    private static Http2Frame Open(string domain) =>
        Headers(1, Http2Client.Head(domain, "/open", "POST"), endStream: false);

    /// <summary>A whole block without the flag that says so; a body would follow.</summary>
    private static Http2Frame Cut(string domain) =>
        Headers(1, Http2Client.Head(domain, "/smuggled", "POST"), endStream: false, endHeaders: false);

    private static byte[] Smuggled(string domain) => Http2Client.Head(domain, "/smuggled");

    private static Http2Frame PaddedBlock(byte padding, byte[] block) =>
        Headers(1, [padding, .. block]) with
        {
            Flags = Http2Flags.Padded | Http2Flags.EndHeaders | Http2Flags.EndStream,
        };
}

using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 9113 6.5: what both sides state about themselves, and when it is in force.</summary>
public class Http2Settings(SharedHotcore shared) : HotcoreTest(shared)
{
    private static readonly Dictionary<string, ((Http2Setting Name, uint Value) Setting, Http2Error Error)> WrongValues = new()
    {
        ["ENABLE_PUSH 2"] = ((Http2Setting.EnablePush, 2), ProtocolError),
        ["ENABLE_PUSH of all bits"] = ((Http2Setting.EnablePush, uint.MaxValue), ProtocolError),
        ["INITIAL_WINDOW_SIZE 2^31"] = ((Http2Setting.InitialWindowSize, 0x80000000), FlowControlError),
        ["INITIAL_WINDOW_SIZE of all bits"] = ((Http2Setting.InitialWindowSize, uint.MaxValue), FlowControlError),
        ["MAX_FRAME_SIZE 0"] = ((Http2Setting.MaxFrameSize, 0), ProtocolError),
        ["MAX_FRAME_SIZE 16,383"] = ((Http2Setting.MaxFrameSize, 16_383), ProtocolError),
        ["MAX_FRAME_SIZE 2^24"] = ((Http2Setting.MaxFrameSize, 0x1000000), ProtocolError),
        ["MAX_FRAME_SIZE of all bits"] = ((Http2Setting.MaxFrameSize, uint.MaxValue), ProtocolError),
    };

    private static readonly Dictionary<string, (Http2Setting Name, uint Value)[]> RightValues = new()
    {
        ["none"] = [],
        ["ENABLE_PUSH 0"] = [(Http2Setting.EnablePush, 0)],
        ["ENABLE_PUSH 1"] = [(Http2Setting.EnablePush, 1)],
        ["MAX_CONCURRENT_STREAMS 0, which limits pushes alone"] = [(Http2Setting.MaxConcurrentStreams, 0)],
        ["INITIAL_WINDOW_SIZE 2^31 - 1"] = [(Http2Setting.InitialWindowSize, 0x7fffffff)],
        ["MAX_FRAME_SIZE 16,384"] = [(Http2Setting.MaxFrameSize, 16_384)],
        ["MAX_FRAME_SIZE 2^24 - 1"] = [(Http2Setting.MaxFrameSize, 0xffffff)],
        ["HEADER_TABLE_SIZE 0"] = [(Http2Setting.HeaderTableSize, 0)],
        ["HEADER_TABLE_SIZE 100"] = [(Http2Setting.HeaderTableSize, 100)],
        ["HEADER_TABLE_SIZE of all bits"] = [(Http2Setting.HeaderTableSize, uint.MaxValue)],
        ["HEADER_TABLE_SIZE 0 and back"] = [(Http2Setting.HeaderTableSize, 0), (Http2Setting.HeaderTableSize, 4096)],
        ["MAX_HEADER_LIST_SIZE of all bits"] = [(Http2Setting.MaxHeaderListSize, uint.MaxValue)],
        ["unknown ones"] =
            [((Http2Setting)0, 1), ((Http2Setting)7, 1), ((Http2Setting)9, 1), ((Http2Setting)0x1a1a, uint.MaxValue)],
        ["one twice, the last right"] = [(Http2Setting.MaxFrameSize, 20_000), (Http2Setting.MaxFrameSize, 16_384)],
        ["all that a browser states"] =
        [
            (Http2Setting.HeaderTableSize, 65_536), (Http2Setting.EnablePush, 0),
            (Http2Setting.InitialWindowSize, 6_291_456),
            (Http2Setting.MaxHeaderListSize, 262_144),
        ],
    };

    public static TheoryData<string> WrongValueNames => [.. WrongValues.Keys];

    public static TheoryData<string> RightValueNames => [.. RightValues.Keys];

    [Fact]
    public async Task The_server_states_its_limits_in_its_first_frame()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        Assert.InRange(client.ServerSettings[Http2Setting.MaxConcurrentStreams], 100u, 256u);
        Assert.Equal(32_768u, client.ServerSettings[Http2Setting.MaxHeaderListSize]);
        Assert.Equal(1u, client.ServerSettings[Http2Setting.EnableConnectProtocol]);
        Assert.Equal(0u, client.ServerSettings.GetValueOrDefault(Http2Setting.EnablePush));
        Assert.InRange(client.ServerSettings.GetValueOrDefault(Http2Setting.MaxFrameSize, 16_384u), 16_384u, 0xffffffu);
        Assert.InRange(
            client.ServerSettings.GetValueOrDefault(Http2Setting.InitialWindowSize, 65_535u), 1u, 0x7fffffffu);
        Assert.Equal(Http2FrameType.Settings, client.Frames[0].Type);
    }

    [Theory]
    [MemberData(nameof(WrongValueNames))]
    public async Task A_value_that_may_not_be_ends_the_connection(string name)
    {
        var (setting, error) = WrongValues[name];
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Settings(setting));

        await client.ExpectConnectionError(error);
    }

    [Theory]
    [MemberData(nameof(WrongValueNames))]
    public async Task A_value_that_may_not_be_ends_the_connection_at_its_beginning_too(string name)
    {
        var (setting, error) = WrongValues[name];
        await using var client = Http2Client.Over(await RawClient.Connect(Hotcore.Http));

        await client.SendRaw([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
            .. Bytes(Settings((Http2Setting.MaxHeaderListSize, 1), setting))]);

        await client.ExpectConnectionError(error);
    }

    [Theory]
    [MemberData(nameof(RightValueNames))]
    public async Task A_value_that_may_be_is_acknowledged_and_kept_to(string name)
    {
        await using var upstream =
            TestUpstream.Answering(_ => Answers.Ok(new string('a', 50_000), "X-Field: a\r\nX-Other: b\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client =
            await Http2Client.Connect(Hotcore.Http, new Http2Options { Settings = RightValues[name] });

        // The client itself judges sizes, windows and tables.
        for (var i = 0; i < 3; i++)
        {
            var answer = await client.Get(domain);
            Assert.Equal((50_000, "a", "b"), ((int)answer.BodyLength, answer.Head!["x-field"], answer.Head["x-other"]));
        }
        await client.Send(Settings(RightValues[name]));
        await UntilAcknowledged(client, 2);

        Assert.Equal(50_000, (await client.Get(domain)).BodyLength);
    }

    [Fact]
    public async Task Every_SETTINGS_is_acknowledged_once()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(
            Settings(), Settings((Http2Setting.MaxFrameSize, 20_000)), Settings((Http2Setting.EnablePush, 0)));
        await client.ExpectPong();

        Assert.Equal(4, client.Frames.Count(frame => frame.Type == Http2FrameType.Settings && frame.IsAck));
    }

    [Fact]
    public async Task An_acknowledgement_too_many_harms_nobody()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(SettingsAck, SettingsAck);

        // Nothing is said about it: passed over, or an error of the connection.
        await client.Send(Ping("8 bytes."));
        await client.Until(() => client.End != null || client.Frames.Any(frame => frame.Type == Http2FrameType.Ping),
            "an answer or an end");
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Fact]
    public async Task The_last_of_several_values_is_in_force()
    {
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok("hello"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http, new Http2Options { GrantsWindows = false });

        await client.Send(Settings((Http2Setting.InitialWindowSize, 100), (Http2Setting.InitialWindowSize, 1)));
        var stream = await client.Request(domain);
        await client.Until(() => stream.BodyLength == 1, "one byte");
        await client.ExpectPong();

        Assert.Equal((1, 1L), (stream.DataFrames, stream.BodyLength));
        await client.Send(WindowUpdate(stream.Id, 10));
        await client.ReadAnswer(stream);
        Assert.Equal("hello", stream.Text);
    }

    [Fact]
    public async Task A_client_may_grow_frames_and_shrink_them_again()
    {
        const int length = 1_000_000;
        await using var upstream = TestUpstream.Answering(_ => Answers.Ok(new string('a', length)));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Settings((Http2Setting.MaxFrameSize, 100_000)));
        Assert.Equal(length, (await client.Get(domain)).BodyLength);
        await client.Send(Settings((Http2Setting.MaxFrameSize, 16_384)));
        Assert.Equal(length, (await client.Get(domain)).BodyLength);
    }

    [Fact]
    public async Task The_table_of_the_answers_follows_the_clients_limit_at_every_change()
    {
        var number = 0;
        await using var upstream =
            TestUpstream.Answering(_ => Answers.Ok("page", $"X-Field: {++number}\r\nServer: a\r\nX-Same: b\r\n"));
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        foreach (var size in new uint[] { 4096, 0, 100, 0, 4096, 64, 1_000_000, 33 })
        {
            await client.Send(Settings((Http2Setting.HeaderTableSize, size)));
            for (var i = 0; i < 3; i++)
                Assert.Equal(("page", "b"), await Page());
        }

        async Task<(string, string?)> Page()
        {
            var answer = await client.Get(domain);
            return (answer.Text, answer.Head!["x-same"]);
        }
    }

    private static Task UntilAcknowledged(Http2Client client, int count) => client.Until(
        () => client.Frames.Count(frame => frame.Type == Http2FrameType.Settings && frame.IsAck) == count,
        $"{count} acknowledgements");
}

using System.Net.Sockets;
using System.Text;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>10,000 mutated sequences of frames: no crash, no hang, no unbounded memory, and nothing malformed passes.</summary>
[Collection(nameof(Alone))]
public class Http2Robustness(SharedHotcore shared) : HotcoreTest(shared)
{
    private const int Cases = 10_000;
    private const int AtOnce = 8;

    [Fact]
    public async Task Mutated_frames_harm_nobody()
    {
        // Always the same: whether this passes must depend on what was changed, and not on the day.
        const int seed = 100_000;
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        var sequences = Sequences(domain);
        var rssBefore = Memory.RssBytes(Hotcore.ProcessId);

        await Parallel.ForAsync(0, Cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            if (number % 100 == 0)
                await ExpectCleanAnswer(domain, $"/clean/{number}");
            var bytes = new Http2Mutation(seed + number).Of(sequences);
            try
            {
                await SendToTheEnd(bytes);
            }
            catch (Exception failed)
            {
                throw new InvalidOperationException(
                    $"seed {seed + number}, {Convert.ToHexString(bytes)}: {failed.Message}", failed);
            }
        });

        await ExpectCleanAnswer(domain, "/after");
        Assert.Equal("GET /after", (await Hotcore.Get(domain, "/after")).Text);
        Assert.True(Hotcore.IsRunning);
        Assert.Equal("kcehc", await Hotcore.Control("check"));
        Assert.True(
            upstream.Malformed.Count == 0, $"seed {seed}: the upstream received {upstream.Malformed.FirstOrDefault()}");
        Assert.All(upstream.Requests, request =>
        {
            Assert.Equal(domain, request.Fields["Host"]?.Split(':')[0], ignoreCase: true);
            Assert.DoesNotContain(request.Fields, field => field.Name.StartsWith(':'));
        });
        Assert.InRange(Memory.RssBytes(Hotcore.ProcessId) - rssBefore, long.MinValue, 60 * Memory.MiB);
    }

    private static Http2Frame[][] Sequences(string domain) =>
    [
        [Settings(), SettingsAck,
        Headers(1, Http2Client.Head(domain, "/a?b=c", "GET", ("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")))],
        [
            Settings((Http2Setting.InitialWindowSize, 100), (Http2Setting.MaxFrameSize, 20_000),
                (Http2Setting.HeaderTableSize, 0)),
            Headers(1, Http2Client.Head(domain, "/long/" + new string('a', 150))), WindowUpdate(1, 1_000),
                WindowUpdate(0, 1_000),
        ],
        [
            Settings(),
                Headers(1, Http2Client.Head(domain, "/post", "POST", ("content-length", "10")), endStream: false),
            Data(1, "hello"), Padded(Data(1, "world", true), 5),
        ],
        [
            Settings(), Headers(1, Http2Client.Head(domain, "/chunked", "POST", ("te", "trailers")), endStream: false),
                Data(1, "hello"),
            Data(1, ""), Headers(1, Hpack.Block(("x-sum", "abc"))),
        ],
        [
            Settings(), Headers(1, Http2Client.Head(domain, "/cut")[..20], endHeaders: false),
                Continuation(1, Http2Client.Head(domain, "/cut")[20..]),
            Ping("8 bytes."), Priority(3, 1),
        ],
        [
            Settings(),
            Headers(1, [.. Hpack.Indexed(2), .. Hpack.Indexed(6), .. Hpack.IndexedName(1, domain), .. Hpack.Indexed(4),
                .. Hpack.Indexing("x-field", "a")]),
            Headers(3, [.. Hpack.TableSize(100), .. Http2Client.Head(domain, "/table"), .. Hpack.Indexed(62),
                .. Hpack.HuffmanField("x-huffman", "value")]),
            Headers(5, Http2Client.Head(domain, "/last", "HEAD")), RstStream(3), GoAway(0),
        ],
        [
            Settings(), .. Enumerable.Range(0, 5).Select(
                i => Headers((uint)((2 * i) + 1), Http2Client.Head(domain, $"/{i}", "PUT"), endStream: false)),
            .. Enumerable.Range(0, 5).Select(i => Data((uint)((2 * i) + 1), $"body {i}", true)),
        ],
        [
            Settings((Http2Setting.EnablePush, 0)),
            Headers(1, Hpack.Block(
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
                (":authority", domain)), endStream: false),
            Data(1, "bytes"), Data(1, "", true),
        ],
    ];

    /// <summary>Sends a connection's bytes and its end, and reads what comes to the end, which must come.</summary>
    private async Task SendToTheEnd(byte[] bytes)
    {
        await using var client = await Hotcore.Connect();
        try
        {
            await client.Send((byte[])[.. Encoding.ASCII.GetBytes(Preface), .. bytes]);
            client.HalfClose();
        }
        catch (SocketException)
        {
            // Refused and closed before all was sent.
        }
        var answer = await client.Reader.ReadToEnd();
        for (var at = 0; at + HeaderLength <= answer.Length;)
        {
            var length = (answer[at] << 16) | (answer[at + 1] << 8) | answer[at + 2];
            Assert.True(at > 0 || answer[3] == (char)Http2FrameType.Settings, $"began with {WireReader.Shown(answer)}");
            Assert.InRange(length, 0, 20_000);
            Assert.InRange(answer[at + 3], '\0', '\t');
            at += HeaderLength + length;
        }
    }

    private async Task ExpectCleanAnswer(string domain, string path)
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);
        Assert.Equal($"GET {path}", (await client.Get(domain, path)).Text);
    }
}

using static Hotcore.EndToEndTests.Harness.Http2Error;
using static Hotcore.EndToEndTests.Harness.Http2Frame;

namespace Hotcore.EndToEndTests;

/// <summary>RFC 7541: field blocks, their tables and their strings. What the answers use is judged in every test.</summary>
public class Http2Compression(SharedHotcore shared) : HotcoreTest(shared)
{
    /// <summary>Blocks that no decoder can read; each stands behind a whole good head.</summary>
    private static readonly Dictionary<string, byte[]> Undecodable = new()
    {
        ["index 0"] = [0x80],
        ["index behind the static table, the dynamic one empty"] = Hpack.Indexed(62),
        ["index 2^20"] = Hpack.Indexed(1 << 20),
        ["name index behind the tables"] = Hpack.IndexedName(62, "a"),
        ["name index behind the tables, to be indexed"] = [0x7f, 0x00, .. Hpack.Text("a")],
        ["integer beyond 32 bits"] = [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ["integer beyond 64 bits"] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ["integer that does not end"] = [0xff, 0x80],
        ["integer that wraps around to a good index"] = [0xff, 0xc3, 0xff, 0xff, 0xff, 0x0f],
        ["string length beyond 32 bits"] = [0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f, (byte)'a'],
        ["name longer than the block"] = [0x00, 0x05, (byte)'a'],
        ["value longer than the block"] = [0x00, 0x01, (byte)'a', 0x05, (byte)'b'],
        ["name without a value"] = [0x00, 0x01, (byte)'a'],
        ["field without anything"] = [0x00],
        ["field to be indexed without anything"] = [0x40],
        ["never indexed field without anything"] = [0x10],
        ["table size beyond the limit"] = Hpack.TableSize(65_537),
        ["table size of 2^28"] = Hpack.TableSize(1 << 28),
        ["table size behind a field"] = Hpack.TableSize(0),
        ["Huffman padding of eight bits"] = [0x00, 0x01, (byte)'a', 0x82, 0x1f, 0xff],
        ["Huffman padding of a whole byte alone"] = [0x00, 0x01, (byte)'a', 0x81, 0xff],
        ["Huffman padding of zeros"] = [0x00, 0x01, (byte)'a', 0x81, 0x18],
        ["Huffman padding not all ones"] = [0x00, 0x01, (byte)'a', 0x81, 0x1d],
        ["Huffman end of string"] = [0x00, 0x01, (byte)'a', 0x84, 0xff, 0xff, 0xff, 0xff],
        ["Huffman end of string behind a letter"] = [0x00, 0x01, (byte)'a', 0x85, 0x1f, 0xff, 0xff, 0xff, 0xff],
    };

    public static TheoryData<string> UndecodableNames => [.. Undecodable.Keys];

    [Theory]
    [MemberData(nameof(UndecodableNames))]
    public async Task A_block_that_cannot_be_read_ends_the_connection(string name)
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.SendRaw(Bytes(Headers(1, [.. Http2Client.Head(domain, "/smuggled"), .. Undecodable[name]])));

        await client.ExpectConnectionError(CompressionError);
        Assert.Equal("", upstream.Received);
        Assert.Equal("GET /clean", (await Hotcore.Get(domain, "/clean")).Text);
    }

    [Fact]
    public async Task A_block_that_cannot_be_read_ends_the_connection_as_trailers_too()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        var stream = await client.Request(domain, "/", "POST", endStream: false);

        await client.Send(Data(stream.Id, "hello"), Headers(stream.Id, Hpack.Indexed(62)));

        await client.ExpectConnectionError(CompressionError);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task A_block_that_cannot_be_read_ends_the_connection_on_a_malformed_stream_too()
    {
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // 4.3: whatever is wrong with a request, its block is read, for the tables' sake.
        await client.Send(Headers(1, Hpack.Block(("UPPER", "a"))), Headers(3, Hpack.Indexed(62)));

        await client.ExpectConnectionError(CompressionError);
    }

    [Fact]
    public async Task Every_kind_of_field_is_read()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1,
        [
            // :method GET, :scheme http and :path / of the static table, and :authority by its name there.
            .. Hpack.Indexed(2), .. Hpack.Indexed(6), .. Hpack.Indexed(4), .. Hpack.IndexedName(1, domain),
            .. Hpack.Indexed(16), .. Hpack.HuffmanField("x-huffman", "A value, with 50% of everything: ~!"),
                .. Hpack.NeverIndexed("x-secret", "s"),
            .. Hpack.Indexing("x-added", "first"), .. Hpack.Indexing("x-added", "second"), .. Hpack.Indexed(62),
                .. Hpack.Indexed(63),
            .. Hpack.IndexedName(62, "third"), .. Hpack.Block(("x-plain", ""))
        ]));
        await client.ReadAnswerOf(1);

        var fields = upstream.Requests[0].Fields;
        Assert.Equal("gzip, deflate", fields["Accept-Encoding"]);
        Assert.Equal("A value, with 50% of everything: ~!", fields["X-Huffman"]);
        Assert.Equal("s", fields["X-Secret"]);
        Assert.Equal(["first", "second", "second", "first", "third"], fields.Values("X-Added"));
        Assert.Equal("", fields["X-Plain"]);
    }

    [Fact]
    public async Task Every_byte_has_a_Huffman_code()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);
        // All that a value may be of: RFC 9110 5.5.
        var all = string.Concat(Enumerable.Range('!', 94).Concat(Enumerable.Range(0x80, 128)).Select(c => (char)c));

        // Turned, so that each code stands at several places within a byte.
        for (var i = 1; i < all.Length; i += 20)
        {
            var value = all[i..] + " \t" + all[..i];
            var stream = client.NextStream();
            await client.Send(Headers(stream, [.. Http2Client.Head(domain), .. Hpack.HuffmanField("x-all", value)]));
            await client.ReadAnswerOf(stream);
            Assert.Equal(value, upstream.Requests[^1].Fields["X-All"]);
        }
    }

    [Fact]
    public async Task The_table_lasts_from_request_to_request_and_the_oldest_entries_give_way()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // 32 bytes for each entry, and its own: 4,096 hold ten of these.
        for (uint i = 0; i < 30; i++)
        {
            var stream = (2 * i) + 1;
            byte[] earlier = i < 10 ? [] : [.. Hpack.Indexed(71)];
            await client.Send(Headers(stream,
            [
                .. Http2Client.Head(domain), .. earlier, .. Hpack.Indexing("x-entry", $"{i:00}{new string('a', 368)}")
            ]));
            await client.ReadAnswerOf(stream);
            var entries = upstream.Requests[^1].Fields.Values("X-Entry");
            Assert.Equal(i < 10 ? [$"{i:00}"] : [$"{i - 10:00}", $"{i:00}"], entries.Select(entry => entry[..2]));
        }
        await client.Send(Headers(61, [.. Http2Client.Head(domain), .. Hpack.Indexed(72)]));

        await client.ExpectConnectionError(CompressionError);
    }

    [Fact]
    public async Task An_entry_larger_than_the_table_empties_it()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1,
        [
            .. Http2Client.Head(domain), .. Hpack.Indexing("x-first", "a"),
                .. Hpack.Indexing("x-large", new string('b', 5_000))
        ]));
        await client.ReadAnswerOf(1);
        Assert.Equal(5_000, upstream.Requests[0].Fields["X-Large"]!.Length);
        await client.Send(Headers(3, [.. Http2Client.Head(domain), .. Hpack.Indexed(62)]));

        await client.ExpectConnectionError(CompressionError);
    }

    [Fact]
    public async Task An_entry_may_take_its_name_from_one_that_gives_way_to_it()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        // RFC 7541 4.4: the name is read before the entry is evicted.
        await client.Send(Headers(1,
        [
            .. Http2Client.Head(domain), .. Hpack.Indexing("x-entry", new string('a', 4_000)), 0x7e,
                .. Hpack.Text(new string('b', 4_000)),
            .. Hpack.Indexed(62)
        ]));
        await client.ReadAnswerOf(1);

        Assert.Equal("abb", string.Concat(upstream.Requests[0].Fields.Values("X-Entry").Select(value => value[0])));
    }

    [Fact]
    public async Task The_client_may_shrink_the_table_and_grow_it_again()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(Headers(1, [.. Http2Client.Head(domain), .. Hpack.Indexing("x-first", "a")]));
        // Two sizes in one block are allowed: the least, and the last.
        await client.Send(Headers(3,
        [
            .. Hpack.TableSize(0), .. Hpack.TableSize(4_096), .. Http2Client.Head(domain),
                .. Hpack.Indexing("x-second", "b"), .. Hpack.Indexed(62)
        ]));
        await client.ReadAnswerOf(3);
        Assert.Equal(
            ["b", "b"], upstream.Requests.First(request => request.Fields.Has("X-Second")).Fields.Values("X-Second"));
        await client.Send(Headers(5, [.. Http2Client.Head(domain), .. Hpack.Indexed(63)]));

        await client.ExpectConnectionError(CompressionError);
    }

    [Fact]
    public async Task With_a_table_of_nothing_fields_are_read_and_none_is_kept()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Http2Client.Connect(Hotcore.Http);

        await client.Send(
            Headers(1, [.. Hpack.TableSize(0), .. Http2Client.Head(domain), .. Hpack.Indexing("x-first", "a")]));
        await client.ReadAnswerOf(1);
        Assert.Equal("a", upstream.Requests[0].Fields["X-First"]);
        await client.Send(Headers(3, [.. Http2Client.Head(domain), .. Hpack.Indexed(62)]));

        await client.ExpectConnectionError(CompressionError);
    }

    [Fact]
    public async Task Tables_of_connections_are_apart()
    {
        await using var upstream = TestUpstream.Repeating();
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var first = await Http2Client.Connect(Hotcore.Http);
        await using var second = await Http2Client.Connect(Hotcore.Http);

        await first.Send(
            Headers(1, [.. Http2Client.Head(domain, "/first"), .. Hpack.Indexing("x-field", "of the first")]));
        await first.ReadAnswerOf(1);
        await second.Send(
            Headers(1, [.. Http2Client.Head(domain, "/second"), .. Hpack.Indexing("x-field", "of the second")]));
        await second.ReadAnswerOf(1);
        await first.Send(Headers(3, [.. Http2Client.Head(domain, "/third"), .. Hpack.Indexed(62)]));
        await first.ReadAnswerOf(3);

        Assert.Equal("of the first", upstream.Requests[2].Fields["X-Field"]);
    }
}

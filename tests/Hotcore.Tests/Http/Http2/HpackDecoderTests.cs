using Xunit;

namespace Hotcore.Http.Http2;

public sealed class HpackDecoderTests
{
    [Theory]
    [InlineData("80")] // index 0
    [InlineData("be")] // the dynamic table is empty
    [InlineData("ff8000")] // index 255
    [InlineData("ffffffff7f")]
    [InlineData("7e0161")] // the same as names
    [InlineData("7f000161")]
    [InlineData("0f2f0161")]
    [InlineData("1f2f0161")]
    [InlineData("ff")] // integers that do not end
    [InlineData("ff80")]
    [InlineData("7f")]
    [InlineData("0f")]
    [InlineData("1f80")]
    [InlineData("3f")]
    [InlineData("ffffffffffff01")] // integers that are too large
    [InlineData("ffffffffff0f")]
    [InlineData("3fffffffffff01")]
    [InlineData("007f8080808010")]
    [InlineData("04ffffffffff0f")]
    [InlineData("40")] // no name
    [InlineData("00")]
    [InlineData("0001")] // a name that is longer than the block
    [InlineData("00ffffffff7f")]
    [InlineData("000161")] // no value
    [InlineData("44")]
    [InlineData("4401")] // a value that is longer than the block
    [InlineData("44036161")]
    [InlineData("4481")]
    [InlineData("447fffffff7f")]
    [InlineData("0481fe")] // bits after the string that are no ones
    [InlineData("0481ff")] // 8 of them
    [InlineData("0484ffffffff")] // the end of a string
    [InlineData("0081ff0161")]
    public void A_broken_block_is_invalid(string block)
    {
        var (fields, status) = Hpack.Decode(new HpackDecoder(4096), Hpack.Hex(block));

        Assert.Empty(fields);
        Assert.Equal(HpackStatus.Invalid, status);
    }

    [Theory]
    [InlineData("3fe21f")] // 4097
    [InlineData("3fe11f 3fe21f")] // 4096, 4097
    [InlineData("20 20 20")]
    [InlineData("82 20")]
    [InlineData("20 82 20")]
    [InlineData("0401 61 20")]
    public void A_table_size_that_is_too_large_or_stands_in_a_wrong_place_is_invalid(string block) =>
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(new HpackDecoder(4096), Hpack.Hex(block)).Status);

    [Theory]
    [InlineData("")]
    [InlineData("20")]
    [InlineData("20 3fe11f")] // 0, 4096
    [InlineData("3fe11f 20")]
    public void A_table_size_may_be_changed_twice_at_the_start_of_a_block(string updates)
    {
        var decoder = new HpackDecoder(4096);

        Assert.Equal([(":method", "GET")], Hpack.DecodeAll(decoder, Hpack.Hex($"{updates} 82")));
        Assert.Equal([(":method", "GET")], Hpack.DecodeAll(decoder, Hpack.Hex($"{updates} 82")));
    }

    [Fact]
    public void A_table_begins_with_4096_bytes_and_may_be_made_as_large_as_is_allowed()
    {
        var decoder = new HpackDecoder(8192);
        var large = new string('b', 4096 - 32);

        Hpack.DecodeAll(decoder, [.. Hpack.Hex("40 01 61 7fe11e"), .. Wire.Bytes(large)]);
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(decoder, [0xBE]).Status);
        Hpack.DecodeAll(decoder, [.. Hpack.Hex("3fe13f 40 01 61 7fe11e"), .. Wire.Bytes(large)]);
        Assert.Equal([("a", large)], Hpack.DecodeAll(decoder, [0xBE]));
    }

    [Fact]
    public void A_table_of_no_size_remembers_nothing()
    {
        var decoder = new HpackDecoder(0);

        Assert.Equal([("a", "b")], Hpack.DecodeAll(decoder, Hpack.Hex("20 40 01 61 01 62")));
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(decoder, [0xBE]).Status);
    }

    [Fact]
    public void A_field_that_is_larger_than_the_table_empties_it()
    {
        var decoder = new HpackDecoder(64);

        Hpack.DecodeAll(decoder, Hpack.Hex("40 01 61 01 62"));
        Assert.Equal([("a", "b")], Hpack.DecodeAll(decoder, [0xBE]));
        Hpack.DecodeAll(decoder, [.. Hpack.Hex("40 01 61 20"), .. new byte[32]]);
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(decoder, [0xBE]).Status);
    }

    [Fact]
    public void A_field_that_fills_the_table_stays_alone_in_it()
    {
        var decoder = new HpackDecoder(64);

        Hpack.DecodeAll(decoder, Hpack.Hex("40 01 61 01 62"));
        Hpack.DecodeAll(decoder, [.. Hpack.Hex("40 01 61 1f"), .. new byte[31]]);
        Assert.Equal([("a", new string('\0', 31))], Hpack.DecodeAll(decoder, [0xBE]));
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(decoder, [0xBF]).Status);
    }

    /// <summary>The name is that of the very entry that has to go (RFC 7541 4.4).</summary>
    [Fact]
    public void A_field_may_take_its_name_from_the_one_it_evicts()
    {
        var decoder = new HpackDecoder(64);

        Hpack.DecodeAll(decoder, Hpack.Hex("40 04 6e616d65 01 61"));
        Assert.Equal([("name", "b")], Hpack.DecodeAll(decoder, Hpack.Hex("7e 01 62")));
        Assert.Equal([("name", "b")], Hpack.DecodeAll(decoder, [0xBE]));
    }

    [Fact]
    public void A_smaller_table_forgets_what_is_too_old_and_a_larger_one_does_not_remember_it()
    {
        var decoder = new HpackDecoder(4096);
        Hpack.DecodeAll(decoder, Hpack.Hex("40 01 61 01 31  40 01 61 01 32  40 01 61 01 33"));

        Assert.Equal([("a", "3"), ("a", "2"), ("a", "1")], Hpack.DecodeAll(decoder, Hpack.Hex("be bf c0")));
        Assert.Equal([("a", "3"), ("a", "2")], Hpack.DecodeAll(decoder, Hpack.Hex("3f25 3fe11f be bf"))); // 68, 4096
        Assert.Equal(HpackStatus.Invalid, Hpack.Decode(decoder, [0xC0]).Status);
    }

    [Theory]
    [InlineData("82", ":method: GET\r\n")]
    [InlineData("04 02 2f61", ":path: /a\r\n")]
    [InlineData("40 01 61 01 62", "a: b\r\n")]
    [InlineData("40 81 1f 81 8f", "a: b\r\n")]
    [InlineData("00 00 00", ": \r\n")]
    [InlineData("3fe11f 40 01 61 01 62", "a: b\r\n")]
    public void A_line_that_does_not_fit_is_decoded_once_there_is_room(string block, string line)
    {
        var (decoder, bytes, position) = (new HpackDecoder(4096), Hpack.Hex(block), 0);
        decoder.Begin();
        for (var room = 0; room < line.Length; room++)
            Assert.Equal(HpackStatus.TooLong, decoder.DecodeLine(bytes, ref position, new byte[room], out _));
        var target = new byte[line.Length];

        Assert.Equal(HpackStatus.Line, decoder.DecodeLine(bytes, ref position, target, out var lengths));
        Assert.Equal((line, line.Length), (Wire.Text(target), lengths.Length));
        Assert.Equal(HpackStatus.End, decoder.DecodeLine(bytes, ref position, [], out _));
    }

    [Fact]
    public void A_line_that_did_not_fit_is_put_into_the_table_once()
    {
        var (decoder, bytes, position) = (new HpackDecoder(4096), Hpack.Hex("40 01 61 01 62"), 0);
        decoder.Begin();
        decoder.DecodeLine(bytes, ref position, new byte[3], out _);
        decoder.DecodeLine(bytes, ref position, new byte[100], out _);

        Assert.Equal([("a", "b")], Hpack.Decode(decoder, [0xBE, 0xBF]).Fields);
    }

    [Fact]
    public void Whatever_a_peer_may_choose_comes_out_as_the_same_fields() => Cases.Check(
        random => (Random: random, Most: Cases.Pick<int>(random, 0, 100, 256, 1000, 4096, 5000)),
        given =>
        {
            var (random, decoder) = (given.Random, new HpackDecoder(given.Most));
            var encoder = new ReferenceHpackEncoder(random, given.Most);
            var known = Enumerable.Range(0, 8).Select(_ => GeneratedField.CreateAny(random)).ToArray();
            for (var blocks = random.Next(1, 8); blocks > 0; blocks--)
            {
                var fields = Enumerable.Range(0, random.Next(12))
                    .Select(_ => random.Next(3) > 0 ? Cases.Pick<(string, string)>(random, known) : GeneratedField.CreateAny(random))
                    .ToList();
                Assert.Equal(fields, Hpack.DecodeAll(decoder, encoder.Encode(fields)));
            }
        });

    [Fact]
    public void Damaged_blocks_end_in_good_order() => Cases.Check(
        random =>
        {
            var encoder = new ReferenceHpackEncoder(random, 300);
            return (Blocks: Enumerable.Range(0, 4).Select(_ => Block(encoder)).ToList(), Room: random.Next(4) == 0 ? 40 : 1000);

            byte[] Block(ReferenceHpackEncoder peer)
            {
                var block = peer.Encode(Enumerable.Range(0, 6).Select(_ => GeneratedField.CreateAny(random)));
                return random.Next(3) == 0 ? block : Cases.Mutate(random, block);
            }
        },
        given =>
        {
            var decoder = new HpackDecoder(300);
            foreach (var block in given.Blocks)
                Assert.NotEqual(HpackStatus.Line, Hpack.Decode(decoder, block, given.Room).Status);
        });

    [Fact]
    public void Nothing_is_allocated_before_a_field_is_remembered_nor_after()
    {
        var (decoder, target) = (new HpackDecoder(4096), new byte[1000]);
        var lookups = Hpack.Hex("82 87 84 90 04 82 60a7");
        var insertions = Hpack.Hex("82 be 40 82 60a7 82 60a7");
        Decode(lookups);
        Assert.Equal(0, Measure(lookups));
        Decode([.. Hpack.Hex("40 01 61 01 62")]);
        Assert.Equal(0, Measure(insertions));

        long Measure(byte[] block)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++)
                Decode(block);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void Decode(byte[] block)
        {
            var position = 0;
            decoder.Begin();
            var status = HpackStatus.Line;
            while (status == HpackStatus.Line)
                status = decoder.DecodeLine(block, ref position, target, out _);
            Assert.True(status == HpackStatus.End);
        }
    }
}

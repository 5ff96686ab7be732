using Xunit;

namespace Hotcore.Http.Http2;

public sealed class HpackEncoderTests
{
    [Theory]
    [InlineData(":method", "GET", "82")]
    [InlineData(":path", "/index.html", "85")]
    [InlineData("Accept-Encoding", "gzip, deflate", "90")]
    [InlineData("VARY", "", "bb")]
    public void A_field_of_the_static_table_is_one_octet(string name, string value, string block) =>
        Assert.Equal(block, Encode(name, value));

    [Theory]
    [InlineData(":path", "/a", "04 02 2f61")]
    [InlineData(":status", "418", "08 03 343138")]
    [InlineData("Via", "a", "0f2d 01 61")]
    [InlineData("content-type", "text/html", "0f10 09 746578742f68746d6c")]
    [InlineData("Content-Type", "text/html", "0f10 09 746578742f68746d6c")]
    public void A_name_of_the_static_table_is_a_number(string name, string value, string block) =>
        Assert.Equal(block.Replace(" ", ""), Encode(name, value));

    [Theory]
    [InlineData("X-Ab", "Cd", "00 04 782d6162 02 4364")]
    [InlineData("x", "", "00 01 78 00")]
    [InlineData("vara", "", "00 04 76617261 00")]
    public void Any_other_name_is_written_in_lower_case(string name, string value, string block) =>
        Assert.Equal(block.Replace(" ", ""), Encode(name, value));

    [Theory]
    [InlineData("Authorization", "a", "1f08 01 61")]
    [InlineData("proxy-authorization", "a", "1f22 01 61")]
    [InlineData("Set-Cookie", "a", "1f28 01 61")]
    [InlineData("cookie", "1234567890123456789", "1f11 13 31323334353637383930313233343536373839")]
    [InlineData("cookie", "12345678901234567890", "0f11 14 3132333435363738393031323334353637383930")]
    public void What_is_secret_is_never_to_be_indexed(string name, string value, string block) =>
        Assert.Equal(block.Replace(" ", ""), Encode(name, value));

    [Theory]
    [InlineData(200, "88")]
    [InlineData(204, "89")]
    [InlineData(206, "8a")]
    [InlineData(304, "8b")]
    [InlineData(400, "8c")]
    [InlineData(404, "8d")]
    [InlineData(500, "8e")]
    [InlineData(100, "0803313030")]
    [InlineData(201, "0803323031")]
    [InlineData(599, "0803353939")]
    public void A_status_is_one_octet_where_it_can_be(int status, string block)
    {
        var target = new byte[HpackEncoder.MostBytes(":status".Length, 3)];

        Assert.Equal(block, Convert.ToHexStringLower(target, 0, HpackEncoder.WriteStatus(target, status)));
    }

    [Fact]
    public void A_table_of_no_size_is_one_octet()
    {
        var target = new byte[1];

        Assert.Equal(1, HpackEncoder.WriteTableSizeZero(target));
        Assert.Equal([0x20], target);
    }

    [Fact]
    public void Every_field_of_the_static_table_is_found_in_any_case()
    {
        for (var index = 1; index <= HpackStaticTable.Count; index++)
        {
            var line = Wire.Text(HpackStaticTable.Line(index));
            var end = HpackStaticTable.Lengths(index).NameLength;
            var (name, value) = (line[..end], line[(end + 2)..^2]);
            Assert.Equal($"{0x80 + index:x2}", Encode(name.ToUpperInvariant(), value));
            Assert.Equal($"{0x80 + index:x2}", Encode(name, value));
        }
    }

    [Fact]
    public void What_was_encoded_is_decoded_to_the_same_fields() => Cases.Check(
        random => Enumerable.Range(0, random.Next(20)).Select(_ => GeneratedField.Create(random)).ToList(),
        fields =>
        {
            var expected = fields.Select(field => (field.Name.ToLowerInvariant(), field.Value));
            Assert.Equal(expected, Hpack.DecodeAll(new HpackDecoder(4096), Hpack.Encode(fields)));
        });

    [Fact]
    public void Nothing_that_was_encoded_is_put_into_a_table() => Cases.Check(
        random => Enumerable.Range(0, random.Next(20)).Select(_ => GeneratedField.Create(random)).ToList(),
        fields => Assert.Equal(
            HpackStatus.Invalid, Hpack.Decode(new HpackDecoder(4096), [.. Hpack.Encode(fields), 0x80 + 62]).Status));

    [Fact]
    public void A_long_value_is_encoded_with_its_length()
    {
        var fields = new List<(string, string)> { ("x-" + new string('a', 500), new string('b', 70_000)) };

        Assert.Equal(fields, Hpack.DecodeAll(new HpackDecoder(4096), Hpack.Encode(fields), room: 100_000));
    }

    [Fact]
    public void Encoding_allocates_nothing()
    {
        var target = new byte[1000];
        Write();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            Write();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Write()
        {
            var length = HpackEncoder.WriteStatus(target, 302);
            length += HpackEncoder.WriteField(target.AsSpan(length), "Set-Cookie"u8, "a=b"u8);
            HpackEncoder.WriteField(target.AsSpan(length), "X-Other-Name"u8, "a=b"u8);
        }
    }

    private static string Encode(string name, string value) => Convert.ToHexStringLower(Hpack.Encode([(name, value)]));
}

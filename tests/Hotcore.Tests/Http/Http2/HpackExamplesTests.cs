using Xunit;

namespace Hotcore.Http.Http2;

/// <summary>The examples of RFC 7541 appendix C, to the byte; C.1 is in <see cref="HpackIntegerTests"/>.</summary>
public sealed class HpackExamplesTests
{
    private const string FirstRequest = """
        :method: GET
        :scheme: http
        :path: /
        :authority: www.example.com
        """;

    private const string SecondRequest = $"""
        {FirstRequest}
        cache-control: no-cache
        """;

    private const string ThirdRequest = """
        :method: GET
        :scheme: https
        :path: /index.html
        :authority: www.example.com
        custom-key: custom-value
        """;

    private const string FirstRequestTable = ":authority: www.example.com";

    private const string SecondRequestTable = $"""
        cache-control: no-cache
        {FirstRequestTable}
        """;

    private const string ThirdRequestTable = $"""
        custom-key: custom-value
        {SecondRequestTable}
        """;

    private const string FirstResponse = """
        :status: 302
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:21 GMT
        location: https://www.example.com
        """;

    private const string SecondResponse = """
        :status: 307
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:21 GMT
        location: https://www.example.com
        """;

    private const string ThirdResponse = """
        :status: 200
        cache-control: private
        date: Mon, 21 Oct 2013 20:13:22 GMT
        location: https://www.example.com
        content-encoding: gzip
        set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1
        """;

    private const string FirstResponseTable = """
        location: https://www.example.com
        date: Mon, 21 Oct 2013 20:13:21 GMT
        cache-control: private
        :status: 302
        """;

    private const string SecondResponseTable = """
        :status: 307
        location: https://www.example.com
        date: Mon, 21 Oct 2013 20:13:21 GMT
        cache-control: private
        """;

    private const string ThirdResponseTable = """
        set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1
        content-encoding: gzip
        date: Mon, 21 Oct 2013 20:13:22 GMT
        """;

    [Theory]
    [InlineData("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header", true)] // C.2.1
    [InlineData("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", false)] // C.2.2
    [InlineData("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", false)] // C.2.3
    [InlineData("82", ":method: GET", false)] // C.2.4
    public void A_field_is_decoded_and_put_into_the_table_or_not(string block, string field, bool isInserted)
    {
        var decoder = new HpackDecoder(4096);

        AssertDecodes(decoder, block, field);
        AssertTable(decoder, isInserted ? field : "");
    }

    [Theory]
    [InlineData( // C.3
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65")]
    [InlineData( // C.4
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")]
    public void Three_requests_fill_the_table(string first, string second, string third)
    {
        var decoder = new HpackDecoder(4096);

        AssertDecodes(decoder, first, FirstRequest);
        AssertTable(decoder, FirstRequestTable);
        AssertDecodes(decoder, second, SecondRequest);
        AssertTable(decoder, SecondRequestTable);
        AssertDecodes(decoder, third, ThirdRequest);
        AssertTable(decoder, ThirdRequestTable);
    }

    [Theory]
    [InlineData( // C.5
        """
        4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
        2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d
        """,
        "4803 3330 37c1 c0bf",
        """
        88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
        54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
        5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31
        """)]
    [InlineData( // C.6
        """
        4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
        2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3
        """,
        "4883 640e ffc1 c0bf",
        """
        88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
        77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
        9587 3160 65c0 03ed 4ee5 b106 3d50 07
        """)]
    public void Three_responses_push_each_other_out_of_a_small_table(string first, string second, string third)
    {
        var decoder = new HpackDecoder(256);

        AssertDecodes(decoder, first, FirstResponse);
        AssertTable(decoder, FirstResponseTable);
        AssertDecodes(decoder, second, SecondResponse);
        AssertTable(decoder, SecondResponseTable);
        AssertDecodes(decoder, third, ThirdResponse);
        AssertTable(decoder, ThirdResponseTable);
    }

    private static void AssertDecodes(HpackDecoder decoder, string block, string fields) =>
        Assert.Equal(fields, Hpack.Show(Hpack.DecodeAll(decoder, Hpack.Hex(block))));

    /// <summary>Asks for every field of the table, newest first, and for one more.</summary>
    private static void AssertTable(HpackDecoder decoder, string expected)
    {
        var count = expected.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
        var block = Enumerable.Range(0x80 + 62, count + 1).Select(b => (byte)b).ToArray();

        var (fields, status) = Hpack.Decode(decoder, block);

        Assert.Equal((expected, HpackStatus.Invalid), (Hpack.Show(fields), status));
    }
}

using Xunit;

namespace Hotcore.Http.Http2;

/// <summary>Both directions against an independent implementation.</summary>
public sealed class HpackPeersTests : IDisposable
{
    private const int Connections = 1000;

    private readonly PythonHpack _peer = new();

    public void Dispose() => _peer.Dispose();

    [Fact]
    public void What_the_peer_encodes_is_decoded_to_the_same_fields() => Cases.Check(
        random => random,
        random =>
        {
            var decoder = new HpackDecoder(4096);
            var known = Fields(random, 6);
            _peer.Begin();
            for (var blocks = random.Next(1, 6); blocks > 0; blocks--)
            {
                for (var updates = random.Next(-4, 3); updates > 0; updates--)
                    _peer.Resize(random.Next(2) == 0 ? random.Next(300) : random.Next(4097));
                var fields = Fields(random, 10, known);
                Assert.Equal(fields, Hpack.DecodeAll(decoder, _peer.Encode(fields, isHuffman: random.Next(3) > 0)));
            }
        },
        Connections);

    [Fact]
    public void What_is_encoded_is_decoded_by_the_peer_to_the_same_fields() => Cases.Check(
        random => random,
        random =>
        {
            var update = new byte[1];
            _peer.Begin();
            for (var blocks = 0; blocks < 4; blocks++)
            {
                var fields = Fields(random, 10);
                var first = blocks == 0 ? update[..HpackEncoder.WriteTableSizeZero(update)] : [];
                var expected = fields.Select(field => (field.Name.ToLowerInvariant(), field.Value));
                Assert.Equal(expected, _peer.Decode([.. first, .. Hpack.Encode(fields)]));
            }
        },
        Connections);

    [Fact]
    public void Of_damaged_blocks_none_is_valid_that_the_peer_finds_invalid_and_none_means_something_else() => Cases.Check(
        random =>
        {
            var encoder = new ReferenceHpackEncoder(random, 500);
            return Enumerable.Range(0, 3)
                .Select(_ => encoder.Encode(Enumerable.Range(0, 5).Select(_ => GeneratedField.CreateAny(random))))
                .Select(block => random.Next(3) == 0 ? block : Cases.Mutate(random, block)).ToList();
        },
        blocks =>
        {
            var decoder = new HpackDecoder(4096);
            _peer.Begin();
            foreach (var block in blocks)
            {
                var (fields, status) = Hpack.Decode(decoder, block);
                if (status != HpackStatus.End)
                    return;
                Assert.Equal(_peer.Decode(block), fields);
            }
        },
        Connections);

    private static List<(string Name, string Value)> Fields(
        Random random, int most, List<(string Name, string Value)>? known = null) =>
    [
        .. Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => known is not null && random.Next(3) > 0
            ? Cases.Pick<(string, string)>(random, [.. known])
            : GeneratedField.Create(random)),
    ];
}

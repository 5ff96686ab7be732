namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// Damages sequences of frames: whole frames, their headers, and the bytes of it all. The same seed, the same damage.
/// </summary>
public sealed class Http2Mutation(int seed)
{
    private static readonly byte[][] Morsels =
    [
        [0], [0xff], [0x80], [0x3f, 0xe1, 0x1f], "\r\n"u8.ToArray(), ":path"u8.ToArray(),
        [0x00, 0x05, .. ":path"u8, 0x01, (byte)'/'],
        [0x00, 0x0e, .. "content-length"u8, 0x01, (byte)'5'],
        [0x00, 0x11, .. "transfer-encoding"u8, 0x07, .. "chunked"u8], [0xbe], [0x40],
        Http2Frame.Bytes(Http2Frame.Settings((Http2Setting.HeaderTableSize, 0))),
        Http2Frame.Bytes(Http2Frame.WindowUpdate(0, 0x7fffffff)), Http2Frame.Bytes(Http2Frame.WindowUpdate(1, 1)),
        Http2Frame.Bytes(Http2Frame.RstStream(1)), Http2Frame.Bytes(Http2Frame.Data(1, "", true)),
        Http2Frame.Bytes(Http2Frame.Continuation(1, [])), Http2Frame.Bytes(Http2Frame.GoAway(0)),
    ];

    private readonly Random _random = new(seed);

    /// <summary>One of the sequences, changed in one to four places.</summary>
    public byte[] Of(IReadOnlyList<Http2Frame[]> sequences)
    {
        var frames = sequences[_random.Next(sequences.Count)].ToList();
        for (var changes = _random.Next(0, 3); changes > 0; changes--)
            Change(frames, sequences);
        var bytes = Http2Frame.Bytes(frames).ToList();
        for (var changes = _random.Next(0, 3); changes > 0 && bytes.Count > 0; changes--)
            Change(bytes);
        return [.. bytes];
    }

    private void Change(List<Http2Frame> frames, IReadOnlyList<Http2Frame[]> sequences)
    {
        var at = _random.Next(frames.Count);
        var frame = frames[at];
        switch (_random.Next(8))
        {
            case 0:
                frames[at] = frame with { Type = (Http2FrameType)_random.Next(12) };
                break;
            case 1:
                frames[at] = frame with { Flags = frame.Flags ^ (Http2Flags)(1 << _random.Next(8)) };
                break;
            case 2:
                frames[at] = frame with { Stream = (uint)_random.Next(8) };
                break;
            case 3:
                frames[at] = frame with { Payload = frame.Payload[_random.Next(frame.Payload.Length + 1)..] };
                break;
            case 4:
                frames.Insert(_random.Next(frames.Count + 1), frame);
                break;
            case 5:
                frames.RemoveAt(at);
                frames.Insert(_random.Next(frames.Count + 1), frame);
                break;
            case 6 when frames.Count > 1:
                frames.RemoveAt(at);
                break;
            default:
                var others = sequences[_random.Next(sequences.Count)];
                frames.Insert(_random.Next(frames.Count + 1), others[_random.Next(others.Length)]);
                break;
        }
    }

    private void Change(List<byte> bytes)
    {
        var at = _random.Next(bytes.Count);
        var length = _random.Next(1, Math.Min(20, bytes.Count - at) + 1);
        switch (_random.Next(6))
        {
            case 0:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 1:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 2:
                bytes.InsertRange(at, Morsels[_random.Next(Morsels.Length)]);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            default:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
        }
    }
}

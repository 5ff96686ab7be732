using System.Text;

namespace Hotcore.Http.Http2;

/// <summary>Field blocks from text, and what hotcore understands of them.</summary>
internal static class RequestBlocks
{
    public const string Key = "dGhlIHNhbXBsZSBub25jZQ==";

    /// <summary>Encodes lines of "name: value", as literals; a line may hold any octet but CR and LF, which are written \r and \n.</summary>
    public static byte[] Encode(params string[] lines)
    {
        var bytes = new List<byte>();
        foreach (var line in lines)
        {
            var text = line.Replace("\\r", "\r").Replace("\\n", "\n").Replace("\\0", "\0");
            var colon = text.IndexOf(": ", 1, StringComparison.Ordinal);
            bytes.AddRange(Literal(text[..colon], text[(colon + 2)..]));
        }

        return [.. bytes];
    }

    /// <summary>A literal field with a literal name, without Huffman and in the case given (RFC 7541 6.2.2).</summary>
    private static byte[] Literal(string name, string value) => [0, .. Text(name), .. Text(value)];

    private static byte[] Text(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        var length = new List<byte>();
        if (bytes.Length < 127)
            return [(byte)bytes.Length, .. bytes];
        length.Add(127);
        var rest = bytes.Length - 127;
        for (; rest >= 128; rest >>= 7)
            length.Add((byte)((rest & 127) | 128));
        length.Add((byte)rest);
        return [.. length, .. bytes];
    }

    /// <summary>Reads a block as the beginning of a request.</summary>
    public static ReadRequest Read(byte[] block, bool endsStream = true)
    {
        var (reader, head, scratch) = (new FieldBlock(), new RequestHead(), new byte[FieldBlock.ScratchBytes]);
        head.Clear();
        var status = reader.Read(new HpackDecoder(4096), block, scratch, head.Fields);
        Refusal? refusal = null;
        var isValid = status == FieldBlockStatus.Complete
            && Http2RequestRules.Apply(reader, scratch, head, endsStream, Encoding.ASCII.GetBytes(Key), out refusal);
        return new ReadRequest(status, isValid, refusal, head, reader);
    }

    internal sealed record ReadRequest(
        FieldBlockStatus Status, bool IsValid, Refusal? Refusal, RequestHead Head, FieldBlock Block)
    {
        public string Method => Encoding.Latin1.GetString(Head.Method);

        public string Target => Encoding.Latin1.GetString(Head.Target);

        public string Authority => Encoding.Latin1.GetString(Head.Authority);

        public string Host => Encoding.Latin1.GetString(Head.Host);

        public IEnumerable<string> Lines
        {
            get
            {
                var lines = new List<string>();
                foreach (ref readonly var one in Head.Fields.Fields)
                    lines.Add(Encoding.Latin1.GetString(Head.Fields.Line(one)));
                return lines;
            }
        }
    }
}

using Hotcore.Http;
using Hotcore.Http.Http1;
using Hotcore.Loops;
using Xunit;

namespace Hotcore.Proxying;

/// <summary>Heads from their text, and the text of what is written.</summary>
internal static class Heads
{
    public static RequestHead Request(string text)
    {
        var (parser, head, bytes) = (new RequestParser(), new RequestHead(), Wire.Bytes(text));
        parser.Reset();
        head.Clear();
        Assert.Equal(ParseStatus.Complete, parser.Parse(head, bytes, 0, bytes.Length));
        return head;
    }

    public static ResponseHead Response(string text)
    {
        var (parser, head, bytes) = (new ResponseParser(), new ResponseHead(), Wire.Bytes(text));
        parser.Reset();
        head.Clear();
        Assert.Equal(ParseStatus.Complete, parser.Parse(head, bytes, 0, bytes.Length, answersHead: false));
        return head;
    }

    public static string Written(Action<SendBuffer> write)
    {
        var output = new SendBuffer(new BufferPool());
        write(output);
        return Wire.Text(output.Gathered);
    }
}

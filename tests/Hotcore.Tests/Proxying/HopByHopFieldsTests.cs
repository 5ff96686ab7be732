using Hotcore.Http;
using Xunit;

namespace Hotcore.Proxying;

public sealed class HopByHopFieldsTests
{
    [Theory]
    [InlineData("Connection: close", "Connection")]
    [InlineData("Keep-Alive: 5\r\nProxy-Connection: close\r\nTE: trailers\r\nUpgrade: x\r\nHTTP2-Settings: a", "Keep-Alive Proxy-Connection TE Upgrade HTTP2-Settings")]
    [InlineData("Transfer-Encoding: chunked", "Transfer-Encoding")]
    [InlineData("Connection: X-A, x-b\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3", "Connection X-A X-B")]
    [InlineData("X-A: 1\r\nConnection: close\r\nX-B: 2\r\nConnection: ,X-A", "X-A Connection Connection")]
    [InlineData("Connection: keep-alive, Content-Length\r\nContent-Length: 5", "Connection")]
    [InlineData("Connection: X-A\r\nX-AB: 1\r\nX: 2\r\nTrailer: X-T", "Connection")]
    [InlineData("Cookie: a\r\nExpect: 100-continue\r\nAuthorization: b", "")]
    public void What_belongs_to_one_connection_ends_at_it(string lines, string covered)
    {
        var request = Heads.Request($"GET / HTTP/1.1\r\nHost: a.com\r\n{lines}\r\n\r\n");
        var names = new List<string>();
        foreach (ref readonly var field in request.Fields.Fields)
        {
            if (HopByHopFields.Covers(request.Fields, field, request.HasConnectionFields))
                names.Add(Wire.Text(request.Fields.Name(field)));
        }

        Assert.Equal(covered, string.Join(' ', names));
    }
}

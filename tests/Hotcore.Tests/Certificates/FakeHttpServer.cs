using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Hotcore.Certificates;

/// <summary>One request that came in.</summary>
internal sealed record FakeRequest(string Method, string Path, byte[] Body);

/// <summary>What to answer it with.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The media type.</param>
/// <param name="Body">Text.</param>
/// <param name="Fields">More fields, each a line.</param>
internal sealed record FakeAnswer(int Status, string ContentType, string Body, params string[] Fields);

/// <summary>A small HTTP/1.1 server on a free port; an answer of null closes the connection without one.</summary>
internal sealed class FakeHttpServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<FakeRequest, FakeAnswer?> _answer;

    public FakeHttpServer(Func<FakeRequest, FakeAnswer?> answer)
    {
        _answer = answer;
        _listener.Start();
        Url = $"http://{_listener.LocalEndpoint}";
        _ = AcceptAsync();
    }

    /// <summary>Without a slash at its end.</summary>
    public string Url { get; }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // Disposed: the test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                client.NoDelay = true;
                var stream = new BufferedStream(client.GetStream());
                while (await ReadAsync(stream) is { } request)
                {
                    if (_answer(request) is not { } answer) return;
                    await stream.WriteAsync(Write(answer, request.Method == "HEAD"));
                    await stream.FlushAsync();
                }
            }
            catch (IOException)
            {
                // The client is gone.
            }
        }
    }

    private static async Task<FakeRequest?> ReadAsync(Stream stream)
    {
        var head = "";
        var one = new byte[1];
        while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0) return null;
            head += (char)one[0];
        }
        var lines = head.Split("\r\n");
        var length = lines.FirstOrDefault(
            line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        var body = new byte[length is null ? 0 : int.Parse(length.Split(':')[1], CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body);
        var words = lines[0].Split(' ');
        return new FakeRequest(words[0], words[1], body);
    }

    private static byte[] Write(FakeAnswer answer, bool isHead)
    {
        var body = Encoding.UTF8.GetBytes(answer.Body);
        var head = $"HTTP/1.1 {answer.Status} Whatever\r\nContent-Type: {answer.ContentType}\r\n"
            + $"Content-Length: {body.Length}\r\n"
            + string.Concat(answer.Fields.Select(field => field + "\r\n")) + "\r\n";
        return isHead ? Encoding.ASCII.GetBytes(head) : [.. Encoding.ASCII.GetBytes(head), .. body];
    }
}

using System.Net;
using System.Net.Http.Headers;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>A client of one domain, by one protocol. Over HTTP/2 all of its exchanges share a connection.</summary>
public abstract class ScriptedClient : IAsyncDisposable
{
    public static ScriptedClient For(RunningHotcore hotcore, ClientKind kind, string domain, string contentType) =>
        kind == ClientKind.Http1
            ? new Http1Client(hotcore, domain, contentType)
            : new Http2Client(hotcore, domain, contentType, isTls: kind == ClientKind.Http2OverTls);

    public abstract Task<ClientExchange> Begin(string path, (string Name, string Value)[] fields);

    public abstract ValueTask DisposeAsync();

    /// <summary>Each exchange has a connection of its own, literal and judged to the letter.</summary>
    private sealed class Http1Client(RunningHotcore hotcore, string domain, string contentType) : ScriptedClient
    {
        private readonly List<RawClient> _connections = [];

        public override async Task<ClientExchange> Begin(string path, (string Name, string Value)[] fields)
        {
            var connection = await hotcore.Connect();
            connection.Reader.IsRecording = false;
            _connections.Add(connection);
            await connection.Send($"POST {path} HTTP/1.1\r\nHost: {domain}\r\nContent-Type: {contentType}\r\n"
                + "TE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n"
                + string.Concat(fields.Select(field => $"{field.Name}: {field.Value}\r\n")) + "\r\n");
            return new Http1Exchange(connection, fields.Contains(("Expect", "100-continue")));
        }

        public override async ValueTask DisposeAsync()
        {
            foreach (var connection in _connections)
                await connection.DisposeAsync();
        }
    }

    /// <summary>.NET's own client.</summary>
    private sealed class Http2Client(RunningHotcore hotcore, string domain, string contentType, bool isTls) : ScriptedClient
    {
        private readonly HttpClient _client = DotNetClient.For(hotcore);
        private readonly Uri _site = DotNetClient.Site(hotcore, domain, isTls);

        public override Task<ClientExchange> Begin(string path, (string Name, string Value)[] fields)
        {
            var body = new PushedContent();
            body.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_site, path))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = body,
            };
            request.Headers.TE.ParseAdd("trailers");
            foreach (var (name, value) in fields)
                request.Headers.TryAddWithoutValidation(name, value);
            return Task.FromResult<ClientExchange>(new Http2Exchange(_client, request, body));
        }

        public override ValueTask DisposeAsync()
        {
            _client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>One request and its answer, as its client sees them.</summary>
public abstract class ClientExchange : IAsyncDisposable
{
    /// <summary>The answer's trailers, once its body was read.</summary>
    public abstract Fields Trailers { get; }

    /// <summary>The answer's fields, once its status was read.</summary>
    public abstract Fields Fields { get; }

    public abstract Task End();

    /// <summary>The status of the answer, an interim one (1xx) not counted.</summary>
    public abstract Task<int> ReadStatus();

    /// <summary>Some bytes of the answer; 0 at its proper end; any other end is an exception.</summary>
    public abstract ValueTask<int> Read(Memory<byte> into);

    /// <summary>Gives the exchange up: RST_STREAM with CANCEL, or a reset of the connection.</summary>
    public abstract void Reset();

    /// <summary>Sends a piece of the body; waits while nobody takes it.</summary>
    public Task Send(ReadOnlyMemory<byte> piece) => Wait.For(SendPiece(piece), "a piece of the request's body to leave");

    public async Task<byte[]> ReadBody()
    {
        var bytes = new MemoryStream();
        var piece = new byte[65_536];
        for (int read; (read = await Wait.For(Read(piece).AsTask(), "a piece of the answer")) > 0;)
            bytes.Write(piece, 0, read);
        return bytes.ToArray();
    }

    public async Task<byte[]> ReadExactly(int count)
    {
        var bytes = new byte[count];
        for (var filled = 0; filled < count;)
        {
            var read = await Wait.For(Read(bytes.AsMemory(filled)).AsTask(), "a piece of the answer");
            Assert.NotEqual(0, read);
            filled += read;
        }
        return bytes;
    }

    /// <summary>
    /// Expects that the answer breaks off, and never passes for whole. The error code of HTTP/2's RST_STREAM, if any.
    /// </summary>
    public async Task<long?> ExpectToBreak()
    {
        var broken = await Record.ExceptionAsync(async () =>
        {
            await ReadStatus();
            await ReadBody();
        });
        Assert.NotNull(broken);
        Assert.False(broken is TimeoutException or MalformedMessageException, broken.ToString());
        for (var cause = broken; cause != null; cause = cause.InnerException)
        {
            if (cause is HttpProtocolException reset)
                return reset.ErrorCode;
        }
        return null;
    }

    public abstract ValueTask DisposeAsync();

    protected abstract Task SendPiece(ReadOnlyMemory<byte> piece);
}

internal sealed class Http1Exchange(RawClient connection, bool waitsForContinue) : ClientExchange
{
    private MessageHead? _head;
    private IncomingBody? _body;

    public override Fields Trailers => _body!.Trailers;

    public override Fields Fields => _head!.Fields;

    protected override async Task SendPiece(ReadOnlyMemory<byte> piece)
    {
        if (waitsForContinue)
        {
            Assert.Equal(100, (await connection.ReadHead()).Status);
            waitsForContinue = false;
        }
        await connection.Send($"{piece.Length:x}\r\n");
        await connection.Send(piece);
        await connection.Send("\r\n");
    }

    public override Task End() => connection.Send("0\r\n\r\n");

    public override async Task<int> ReadStatus()
    {
        while (_head is null or { Status: < 200 })
            _head = await connection.ReadHead();
        _body ??= connection.BodyOf(_head, "POST");
        return _head.Status;
    }

    public override ValueTask<int> Read(Memory<byte> into) => _body!.Read(into);

    public override void Reset() => connection.Reset();

    public override ValueTask DisposeAsync() => connection.DisposeAsync();
}

internal sealed class Http2Exchange : ClientExchange
{
    private readonly CancellationTokenSource _given = new();
    private readonly HttpRequestMessage _request;
    private readonly PushedContent _body;
    private readonly Task<HttpResponseMessage> _answer;
    private HttpResponseMessage? _response;
    private Stream? _content;

    public Http2Exchange(HttpClient client, HttpRequestMessage request, PushedContent body)
    {
        _request = request;
        _body = body;
        _answer = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _given.Token);
    }

    public override Fields Trailers => FieldsOf(_response!.TrailingHeaders);

    public override Fields Fields => FieldsOf(_response!.Headers.Concat(_response.Content.Headers));

    protected override Task SendPiece(ReadOnlyMemory<byte> piece) => _body.Send(piece, _answer);

    public override Task End() => _body.End(_answer);

    public override async Task<int> ReadStatus()
    {
        if (_response == null)
        {
            _response = await Wait.For(_answer, "an answer");
            Assert.Equal(HttpVersion.Version20, _response.Version);
            _content = await _response.Content.ReadAsStreamAsync();
        }
        return (int)_response.StatusCode;
    }

    public override ValueTask<int> Read(Memory<byte> into) => _content!.ReadAsync(into, _given.Token);

    public override void Reset()
    {
        _given.Cancel();
        // An answer that has begun is no longer the token's, read or not.
        if (_answer.IsCompletedSuccessfully)
            _answer.Result.Dispose();
    }

    public override async ValueTask DisposeAsync()
    {
        Reset();
        _body.GiveUp();
        // Its failure is the reset of just now, or was the test's to see.
        await Record.ExceptionAsync(() => _answer);
        _request.Dispose();
        _given.Dispose();
    }

    private static Fields FieldsOf(IEnumerable<KeyValuePair<string, IEnumerable<string>>> headers)
    {
        var fields = new Fields();
        fields.AddRange(from header in headers from value in header.Value select (header.Key, value));
        return fields;
    }
}

/// <summary>A request's body that is sent piece by piece, when the test says so.</summary>
internal sealed class PushedContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task Send(ReadOnlyMemory<byte> piece, Task answer)
    {
        var stream = await Started(answer);
        await stream.WriteAsync(piece);
        await stream.FlushAsync();
    }

    public async Task End(Task answer)
    {
        await Started(answer);
        _end.SetResult();
    }

    public void GiveUp() => _end.TrySetCanceled();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, default);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // The head leaves at once, whether or not there is a body yet.
        await stream.FlushAsync(cancellationToken);
        _stream.SetResult(stream);
        await _end.Task.WaitAsync(cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    /// <summary>The stream to write to, once the client has begun with the body.</summary>
    private async Task<Stream> Started(Task answer)
    {
        var first = await Wait.For(Task.WhenAny(_stream.Task, answer), "the client to send its body");
        if (first == answer && !_stream.Task.IsCompleted)
            await answer;
        return await Wait.For(_stream.Task, "the client to send its body");
    }
}

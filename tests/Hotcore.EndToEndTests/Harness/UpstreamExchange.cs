using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>An upstream of one protocol whose requests the test takes and answers one by one.</summary>
public abstract class ScriptedUpstream : IAsyncDisposable
{
    public abstract int Port { get; }

    public abstract int ConnectionCount { get; }

    public static async Task<ScriptedUpstream> Start(UpstreamKind kind) =>
        kind == UpstreamKind.Http1 ? new Http1Upstream() : await Http2Upstream.Start();

    /// <summary>The next request whose head has arrived.</summary>
    public abstract Task<UpstreamExchange> Accept();

    public abstract ValueTask DisposeAsync();

    /// <summary>Literal, and judged to the letter.</summary>
    private sealed class Http1Upstream : ScriptedUpstream
    {
        private readonly Channel<UpstreamExchange> _requests = Channel.CreateUnbounded<UpstreamExchange>();
        private readonly TestUpstream _upstream;

        public Http1Upstream() => _upstream = TestUpstream.Serving(Serve);

        public override int Port => _upstream.Port;

        public override int ConnectionCount => _upstream.Connections.Count;

        public override Task<UpstreamExchange> Accept() =>
            Wait.For(_requests.Reader.ReadAsync().AsTask(), "a request at the upstream");

        public override async ValueTask DisposeAsync()
        {
            await _upstream.DisposeAsync();
            Assert.Empty(_upstream.Malformed);
        }

        private async Task Serve(UpstreamConnection connection)
        {
            connection.Reader.IsRecording = false;
            var piece = new byte[16_384];
            while (await connection.Reader.ReadHead() is { } head)
            {
                var exchange = new Http1Request(connection, head);
                _requests.Writer.TryWrite(exchange);
                await exchange.HasEnded;
                // A test may answer without having read the body, and no head comes before that body's end.
                while (await exchange.Read(piece) > 0)
                {
                    // What the test did not want to see is of no interest.
                }
            }
        }
    }

    /// <summary>Kestrel, with prior knowledge.</summary>
    private sealed class Http2Upstream : ScriptedUpstream
    {
        private readonly Channel<UpstreamExchange> _requests = Channel.CreateUnbounded<UpstreamExchange>();
        private WebApp _app = null!;

        public override int Port => _app.Port;

        public override int ConnectionCount => _app.ConnectionCount;

        public static async Task<Http2Upstream> Start()
        {
            var upstream = new Http2Upstream();
            upstream._app = await WebApp.Start(HttpProtocols.Http2, async context =>
            {
                var exchange = new Http2Request(context);
                upstream._requests.Writer.TryWrite(exchange);
                await exchange.HasEnded;
            });
            return upstream;
        }

        public override Task<UpstreamExchange> Accept() =>
            Wait.For(_requests.Reader.ReadAsync().AsTask(), "a request at the upstream");

        public override ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}

/// <summary>One request and its answer, as its upstream sees them.</summary>
public abstract class UpstreamExchange
{
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done once the test has answered the request, or given it up.</summary>
    public Task HasEnded => _end.Task;

    public abstract string Path { get; }

    public abstract Fields Fields { get; }

    /// <summary>The request's trailers, once its body was read.</summary>
    public abstract Fields Trailers { get; }

    /// <summary>Some bytes of the body; 0 at its proper end; any other end is an exception.</summary>
    public abstract ValueTask<int> Read(Memory<byte> into);

    /// <summary>Tells a client that waits for it to send its body.</summary>
    public abstract Task SendContinue();

    public abstract Task SendHead(int status = 200, params (string Name, string Value)[] fields);

    /// <summary>Gives the answer up: RST_STREAM with an error code, or a reset of the connection.</summary>
    public abstract void Reset(int errorCode);

    /// <summary>Waits until hotcore has given the exchange up: RST_STREAM, or the end of the connection.</summary>
    public abstract Task ExpectReset();

    /// <summary>Sends a piece of the answer's body; waits while nobody takes it.</summary>
    public Task Send(ReadOnlyMemory<byte> piece) => Wait.For(SendPiece(piece), "a piece of the answer to leave");

    public async Task End(params (string Name, string Value)[] trailers)
    {
        await SendEnd(trailers);
        _end.TrySetResult();
    }

    public async Task<byte[]> ReadBody()
    {
        var bytes = new MemoryStream();
        var piece = new byte[65_536];
        for (int read; (read = await Wait.For(Read(piece).AsTask(), "a piece of the request's body")) > 0;)
            bytes.Write(piece, 0, read);
        return bytes.ToArray();
    }

    public async Task<byte[]> ReadExactly(int count)
    {
        var bytes = new byte[count];
        for (var filled = 0; filled < count;)
        {
            var read = await Wait.For(Read(bytes.AsMemory(filled)).AsTask(), "a piece of the request's body");
            Assert.NotEqual(0, read);
            filled += read;
        }
        return bytes;
    }

    /// <summary>Expects that the request's body breaks off, and never passes for whole.</summary>
    public async Task ExpectBodyToBreak()
    {
        var broken = await Record.ExceptionAsync(ReadBody);
        Assert.NotNull(broken);
        Assert.False(broken is TimeoutException or MalformedMessageException, broken.ToString());
        _end.TrySetResult();
    }

    protected abstract Task SendPiece(ReadOnlyMemory<byte> piece);

    protected abstract Task SendEnd((string Name, string Value)[] trailers);

    protected void GiveUp() => _end.TrySetResult();
}

internal sealed class Http1Request(UpstreamConnection connection, MessageHead head) : UpstreamExchange
{
    private readonly IncomingBody _body = connection.BodyOf(head);

    public override string Path => head.Target;

    public override Fields Fields => head.Fields;

    public override Fields Trailers => _body.Trailers;

    public override ValueTask<int> Read(Memory<byte> into) => _body.Read(into);

    public override Task SendContinue() => connection.Send("HTTP/1.1 100 Continue\r\n\r\n");

    public override Task SendHead(int status, params (string Name, string Value)[] fields) => connection.Send(
        $"HTTP/1.1 {status} Said\r\nTransfer-Encoding: chunked\r\n"
        + string.Concat(fields.Select(field => $"{field.Name}: {field.Value}\r\n")) + "\r\n");

    protected override async Task SendPiece(ReadOnlyMemory<byte> piece)
    {
        await connection.Send($"{piece.Length:x}\r\n");
        await connection.Send(piece);
        await connection.Send("\r\n");
    }

    public override void Reset(int errorCode)
    {
        connection.Reset();
        GiveUp();
    }

    public override async Task ExpectReset()
    {
        await connection.ExpectEnd();
        GiveUp();
    }

    protected override Task SendEnd((string Name, string Value)[] trailers) => connection.Send(
        "0\r\n" + string.Concat(trailers.Select(field => $"{field.Name}: {field.Value}\r\n")) + "\r\n");
}

internal sealed class Http2Request(HttpContext context) : UpstreamExchange
{
    // Taken at once: after its end Kestrel has forgotten the request.
    public override string Path { get; } = context.Request.Path;

    public override Fields Fields { get; } = FieldsOf(context.Request.Headers);

    public override Fields Trailers =>
        FieldsOf(context.Features.GetRequiredFeature<IHttpRequestTrailersFeature>().Trailers);

    public override ValueTask<int> Read(Memory<byte> into) => context.Request.Body.ReadAsync(into);

    /// <summary>Kestrel does so once the body is read.</summary>
    public override Task SendContinue() => Task.CompletedTask;

    public override async Task SendHead(int status, params (string Name, string Value)[] fields)
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in fields)
            context.Response.Headers.Append(name, value);
        // Starting alone would leave the head with Kestrel until there is a body.
        await context.Response.Body.FlushAsync();
    }

    protected override async Task SendPiece(ReadOnlyMemory<byte> piece) => await context.Response.Body.WriteAsync(piece);

    public override void Reset(int errorCode)
    {
        context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(errorCode);
        GiveUp();
    }

    public override async Task ExpectReset()
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = context.RequestAborted.Register(aborted.SetResult);
        await Wait.For(aborted.Task, "a reset at the upstream");
        GiveUp();
    }

    protected override Task SendEnd((string Name, string Value)[] trailers)
    {
        foreach (var (name, value) in trailers)
            context.Response.AppendTrailer(name, value);
        return context.Response.CompleteAsync();
    }

    private static Fields FieldsOf(IHeaderDictionary headers)
    {
        var fields = new Fields();
        fields.AddRange(from header in headers from value in header.Value select (header.Key, value ?? ""));
        return fields;
    }
}

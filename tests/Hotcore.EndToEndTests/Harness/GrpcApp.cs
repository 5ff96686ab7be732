using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Hotcore.EndToEndTests.Talk;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>A gRPC app as people write them with ASP.NET Core. What each method does follows the text that it gets.</summary>
public sealed class GrpcApp : IAsyncDisposable
{
    public const int MostMessageBytes = 16 * 1024 * 1024;

    private readonly WebApp _app;
    private readonly Calls _calls;

    private GrpcApp(WebApp app, Calls calls)
    {
        _app = app;
        _calls = calls;
    }

    public int Port => _app.Port;

    public int ConnectionCount => _app.ConnectionCount;

    public static async Task<GrpcApp> Start(int port = 0, Action<KestrelServerLimits>? limit = null)
    {
        var calls = new Calls();
        var app = await WebApp.Start(
            HttpProtocols.Http2,
            services =>
            {
                services.AddSingleton(calls);
                services.AddGrpc(options => options.MaxReceiveMessageSize = MostMessageBytes);
            },
            it => it.MapGrpcService<Talking>(),
            port,
            limit);
        return new GrpcApp(app, calls);
    }

    /// <summary>The next call that has reached a method that tells of it: all but Say and Collect.</summary>
    public Task<GrpcCall> NextCall() =>
        Wait.For(_calls.Begun.Reader.ReadAsync().AsTask(), "a call at the gRPC app");

    public Task Stop() => _app.Stop();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>What the methods tell the tests.</summary>
    private sealed class Calls
    {
        public Channel<GrpcCall> Begun { get; } = Channel.CreateUnbounded<GrpcCall>();

        public void Tell(ServerCallContext context) => Begun.Writer.TryWrite(new GrpcCall(context));
    }

    private sealed class Talking(Calls calls) : Talker.TalkerBase
    {
        public override async Task<Words> Say(Words request, ServerCallContext context)
        {
            foreach (var entry in context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-ask")))
            {
                var name = entry.Key.Replace("x-ask", "x-trailer");
                context.ResponseTrailers.Add(entry.IsBinary ? new(name, entry.ValueBytes) : new(name, entry.Value));
            }
            switch (request.Text)
            {
                case "fail":
                    // Thrown before any answer: only trailers are sent.
                    throw new RpcException(new Status((StatusCode)request.Number, "no: ä, 100%"));
                case "head":
                    await context.WriteResponseHeadersAsync(new Metadata { { "x-head", "early" }, { "x-head-bin", [0, 1, 255] } });
                    break;
                case "wait":
                    calls.Tell(context);
                    await Task.Delay(Timeout.Infinite, context.CancellationToken);
                    break;
            }
            return new Words { Text = $"you said: {request.Text}", Data = request.Data, Number = request.Number };
        }

        public override async Task<Words> Collect(IAsyncStreamReader<Words> requestStream, ServerCallContext context)
        {
            var (count, bytes) = (0, 0L);
            await foreach (var words in requestStream.ReadAllAsync())
            {
                if (words.Text == "enough")
                    return new Words { Text = "enough", Number = count };
                count++;
                bytes += words.Data.Length;
            }
            return new Words { Text = bytes.ToString(), Number = count };
        }

        public override async Task Count(Words request, IServerStreamWriter<Words> responseStream, ServerCallContext context)
        {
            calls.Tell(context);
            for (var i = 0; i < request.Number; i++)
                await responseStream.WriteAsync(new Words { Number = i, Data = request.Data });
            switch (request.Text)
            {
                case "wait":
                    await Task.Delay(Timeout.Infinite, context.CancellationToken);
                    break;
                case "fail":
                    throw new RpcException(new Status(StatusCode.DataLoss, "lost some"));
                case { } reset when reset.StartsWith("reset "):
                    context.GetHttpContext().Features.GetRequiredFeature<IHttpResetFeature>()
                        .Reset(int.Parse(reset["reset ".Length..]));
                    break;
            }
        }

        public override async Task Chat(
            IAsyncStreamReader<Words> requestStream, IServerStreamWriter<Words> responseStream, ServerCallContext context)
        {
            calls.Tell(context);
            await foreach (var words in requestStream.ReadAllAsync(context.CancellationToken))
                await responseStream.WriteAsync(words);
        }
    }
}

/// <summary>A call as its app sees it.</summary>
public sealed class GrpcCall
{
    private readonly TaskCompletionSource _cancellation = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GrpcCall(ServerCallContext context)
    {
        Deadline = context.Deadline;
        context.CancellationToken.Register(() => _cancellation.TrySetResult());
    }

    public DateTime Deadline { get; }

    /// <summary>Waits until it was cancelled, whoever did it.</summary>
    public Task ExpectCancellation() => Wait.For(_cancellation.Task, "a cancellation at the gRPC app");
}

/// <summary>A gRPC client of one domain behind hotcore.</summary>
public static class GrpcClient
{
    public static GrpcChannel Open(RunningHotcore hotcore, string domain, bool isTls = true) => GrpcChannel.ForAddress(
        DotNetClient.Site(hotcore, domain, isTls),
        new GrpcChannelOptions
        {
            HttpHandler = DotNetClient.Handler(hotcore),
            DisposeHttpClient = true,
            MaxReceiveMessageSize = GrpcApp.MostMessageBytes,
            // What fails is to be seen, and not tried again.
            MaxRetryAttempts = 1,
        });
}

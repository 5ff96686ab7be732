using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// An app on Kestrel, ASP.NET Core's own server, in the tests' process: HTTP/1.1, or HTTP/2 with prior knowledge; over TLS where it
/// gets a certificate.
/// </summary>
public sealed class WebApp : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _connectionCount;
    private int _openConnectionCount;

    private WebApp(
        HttpProtocols protocols,
        int port,
        Action<IServiceCollection>? addServices,
        Action<WebApplication> map,
        Action<KestrelServerLimits>? limit,
        X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        addServices?.Invoke(builder.Services);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            // The tests are about slowness, and about bodies of every size.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestBodySize = null;
            limit?.Invoke(kestrel.Limits);
            kestrel.Listen(IPAddress.Loopback, port, listen =>
            {
                listen.Protocols = protocols;
                if (certificate != null)
                    listen.UseHttps(certificate);
                listen.Use(next => async connection =>
                {
                    Interlocked.Increment(ref _connectionCount);
                    Interlocked.Increment(ref _openConnectionCount);
                    await next(connection);
                    Interlocked.Decrement(ref _openConnectionCount);
                });
            });
        });
        _app = builder.Build();
        map(_app);
    }

    public int Port { get; private set; }

    /// <summary>How many connections were made to it so far.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    public int OpenConnectionCount => Volatile.Read(ref _openConnectionCount);

    /// <summary>Starts an app that hands each request to one function.</summary>
    public static Task<WebApp> Start(
        HttpProtocols protocols, RequestDelegate handle, int port = 0, Action<KestrelServerLimits>? limit = null,
        X509Certificate2? certificate = null) =>
        Start(new WebApp(protocols, port, null, app => app.Run(handle), limit, certificate));

    /// <summary>Starts an app of several parts.</summary>
    public static Task<WebApp> Start(
        HttpProtocols protocols,
        Action<IServiceCollection> addServices,
        Action<WebApplication> map,
        int port = 0,
        Action<KestrelServerLimits>? limit = null) =>
        Start(new WebApp(protocols, port, addServices, map, limit));

    /// <summary>Stops it in good order: what is in flight is finished, and HTTP/2 hears GOAWAY.</summary>
    public Task Stop() => _app.StopAsync();

    /// <summary>Ends it at once, whatever is in flight.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    /// <summary>A host takes the process's signals for its own; these belong to the tests.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static async Task<WebApp> Start(WebApp app)
    {
        await app._app.StartAsync();
        app.Port = new Uri(app._app.Urls.Single()).Port;
        return app;
    }
}

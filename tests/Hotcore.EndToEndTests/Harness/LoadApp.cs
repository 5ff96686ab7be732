using System.Globalization;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>
/// The app behind a hotcore in a booted Debian: it runs in the tests' process and listens at the Debian's loopback address.
/// </summary>
public static class LoadApp
{
    /// <param name="debian">The Debian's network.</param>
    /// <param name="name">What it says to every GET, before the path.</param>
    /// <param name="port">Its port there.</param>
    public static Task<WebApp> Start(NetworkNamespace debian, string name, int port) => WebApp.Start(
        HttpProtocols.Http1,
        services => services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket =
            address => debian.Make(() => SocketTransportOptions.CreateDefaultBoundListenSocket(address))),
        app =>
        {
            app.UseWebSockets();
            app.Run(context => Answer(context, name));
        },
        port);

    private static Task Answer(HttpContext context, string name) => context.Request.Path.Value switch
    {
        "/websocket" => EchoMessages(context),
        "/echo" => context.Request.Body.CopyToAsync(context.Response.Body),
        "/download" => Download(context),
        "/upload" => Upload(context),
        var path => context.Response.WriteAsync($"{name} {path}"),
    };

    private static async Task EchoMessages(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        for (int length; (length = await WebSocketMessages.Read(socket, buffer)) >= 0;)
            await socket.SendAsync(buffer.AsMemory(0, length), WebSocketMessageType.Text, true, default);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default);
    }

    /// <summary>Sends as many bytes as the query asks for.</summary>
    private static async Task Download(HttpContext context)
    {
        var length = long.Parse(context.Request.QueryString.Value![1..], CultureInfo.InvariantCulture);
        context.Response.ContentLength = length;
        for (long at = 0; at < length; at += BytePattern.MostBytes)
            await context.Response.Body.WriteAsync(BytePattern.At(at, (int)Math.Min(BytePattern.MostBytes, length - at)));
    }

    /// <summary>Answers how many bytes came as they should.</summary>
    private static async Task Upload(HttpContext context)
    {
        var buffer = new byte[BytePattern.MostBytes];
        long length = 0;
        for (int read; (read = await context.Request.Body.ReadAsync(buffer)) > 0; length += read)
            BytePattern.Expect(length, buffer.AsSpan(0, read));
        await context.Response.WriteAsync($"{length}");
    }
}

/// <summary>Bytes that tell where they belong: what is lost, doubled or out of order does not match.</summary>
public static class BytePattern
{
    /// <summary>The most that can be had in one piece.</summary>
    public const int MostBytes = 65_536;

    // Two primes, so that it repeats itself after 15 MB only, and no buffer's size is a multiple of it.
    private const int Period = 251 * 61_001;

    private static readonly byte[] Bytes =
        [.. Enumerable.Range(0, Period + MostBytes).Select(i => (byte)((i % 251) ^ ((i % 61_001) >> 4)))];

    public static ReadOnlyMemory<byte> At(long position, int length) => Bytes.AsMemory((int)(position % Period), length);

    /// <summary>Throws where the bytes are not those of this position.</summary>
    public static void Expect(long position, ReadOnlySpan<byte> bytes)
    {
        if (!At(position, bytes.Length).Span.SequenceEqual(bytes))
            throw new InvalidDataException($"a wrong byte within {bytes.Length} from {position} on");
    }
}

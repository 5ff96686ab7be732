using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>A page in Chromium, with all that a page may ask for at once.</summary>
public class Http2Browser(SharedHotcore shared) : HotcoreTest(shared)
{
    private readonly TaskCompletionSource<string> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_page_gets_200_resources_a_WebSocket_and_an_event_stream_over_HTTP_2()
    {
        await using var app = await WebApp.Start(HttpProtocols.Http1, _ => { }, it => it.UseWebSockets().Run(Serve));
        await Hotcore.Add("app.localhost", app.Port);
        using var browser = await Browser.Start();
        await browser.Trust(Hotcore.LocalCaFile);

        var shown = await browser.Show($"https://app.localhost:{Hotcore.Https.Port}/");

        Assert.True(_result.Task.IsCompleted, $"the page did not report: {browser.NetworkErrors}\n{shown.All}");
        using var result = JsonDocument.Parse(await _result.Task);
        var text = result.RootElement.ToString();
        Assert.False(result.RootElement.TryGetProperty("error", out _), text);
        Assert.Equal(200, result.RootElement.GetProperty("small").GetInt32());
        Assert.Equal("1000000", result.RootElement.GetProperty("uploaded").GetString());
        Assert.Equal(["1", "2", "3", "4", "5"], Strings(result, "events"));
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], Strings(result, "echoes"));
        // What the browser says of each resource that it got, and of its page.
        Assert.Equal(["h2"], Strings(result, "protocols"));
        // RFC 8441: the WebSocket too is a stream.
        Assert.Matches(@""":method: CONNECT"",[^\]]*"":protocol: websocket""", browser.NetworkLog);
    }

    private const string Page =
        """
        <!doctype html>
        <title>running</title>
        <script>
        const report = async () => {
          const result = {};
          try {
            const events = new Promise((resolve, reject) => {
              const source = new EventSource('/events'), heard = [];
              source.onerror = () => reject(new Error('the event stream failed'));
              source.onmessage = event => {
                heard.push(event.data);
                if (heard.length === 5) { source.close(); resolve(heard); }
              };
            });
            const small = await Promise.all(Array.from({ length: 200 }, async (_, number) => {
              const response = await fetch('/small/' + number);
              return await response.text() === 'small ' + number;
            }));
            result.small = small.filter(isRight => isRight).length;
            result.echoes = await new Promise((resolve, reject) => {
              const socket = new WebSocket('wss://' + location.host + '/echo'), heard = [];
              socket.onerror = () => reject(new Error('the WebSocket failed'));
              socket.onopen = () => { for (let i = 0; i < 10; i++) socket.send(String(i)); };
              socket.onmessage = message => { if (heard.push(message.data) === 10) socket.close(1000, 'done'); };
              socket.onclose = () => resolve(heard);
            });
            const upload = await fetch('/length', { method: 'POST', body: new Uint8Array(1000000) });
            result.uploaded = await upload.text();
            result.events = await events;
            const entries = [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')];
            result.protocols = [...new Set(entries.map(entry => entry.nextHopProtocol))];
          } catch (error) {
            result.error = String(error);
          }
          await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
        };
        report();
        </script>
        <img src="/after-the-result">
        """;

    private async Task Serve(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (path == "/")
        {
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync(Page);
        }
        else if (path.StartsWith("/small/"))
        {
            await context.Response.WriteAsync($"small {path["/small/".Length..]}");
        }
        else if (path == "/echo")
        {
            await Echo(context);
        }
        else if (path == "/events")
        {
            context.Response.ContentType = "text/event-stream";
            for (var number = 1; number <= 5; number++)
            {
                await context.Response.WriteAsync($"data: {number}\n\n");
                await context.Response.Body.FlushAsync();
            }
            // The stream stays open until the page has heard enough.
            await Task.WhenAny(_result.Task, Task.Delay(Timeout.Infinite, context.RequestAborted));
        }
        else if (path == "/length")
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync(body.Length.ToString());
        }
        else if (path == "/result")
        {
            _result.TrySetResult(await new StreamReader(context.Request.Body).ReadToEndAsync());
        }
        else if (path == "/after-the-result")
        {
            // The page is loaded, and the browser leaves, when the last of its resources is there.
            await Task.WhenAny(_result.Task, Task.Delay(Timeout.Infinite, context.RequestAborted));
            context.Response.StatusCode = 204;
        }
    }

    private static async Task Echo(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[4096];
        for (; ; )
        {
            var message = await socket.ReceiveAsync(buffer, default);
            if (message.MessageType == WebSocketMessageType.Close)
                break;
            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, default);
        }
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default);
    }

    private static IEnumerable<string?> Strings(JsonDocument result, string name) =>
        result.RootElement.GetProperty(name).EnumerateArray().Select(value => value.GetString());
}

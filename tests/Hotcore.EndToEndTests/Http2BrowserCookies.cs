using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Hotcore.EndToEndTests;

/// <summary>Chromium with as many cookies as it keeps of one site, set by the page and by an answer.</summary>
public class Http2BrowserCookies(SharedHotcore shared) : HotcoreTest(shared)
{
    private const string Page =
        """
        <!doctype html>
        <title>running</title>
        <script>
        const report = async () => {
          for (let i = 0; i < 85; i++) document.cookie = `page${i}=1`;
          await fetch('/set');
          const response = await fetch('/count');
          await fetch('/result', { method: 'POST', body: `${response.status} ${await response.text()}` });
        };
        report();
        </script>
        <img src="/behind-the-result">
        """;

    private readonly TaskCompletionSource<string> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_page_with_170_cookies_is_served_over_HTTP_2()
    {
        await using var app = await WebApp.Start(HttpProtocols.Http1, Serve);
        await Hotcore.Add("cookies.localhost", app.Port);
        using var browser = await Browser.Start();
        await browser.Trust(Hotcore.LocalCaFile);

        var shown = await browser.Show($"https://cookies.localhost:{Hotcore.Https.Port}/");

        Assert.True(_result.Task.IsCompleted, $"the page did not report: {browser.NetworkErrors}\n{shown.All}");
        Assert.Equal("200 170 cookies in 1 field", await _result.Task);
    }

    private async Task Serve(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/":
                context.Response.ContentType = "text/html";
                await context.Response.WriteAsync(Page);
                break;
            case "/set":
                for (var number = 0; number < 85; number++)
                    context.Response.Headers.Append("Set-Cookie", $"answer{number}=1");
                break;
            case "/count":
                await context.Response.WriteAsync(
                    $"{context.Request.Cookies.Count} cookies in {context.Request.Headers.Cookie.Count} field");
                break;
            case "/result":
                _result.TrySetResult(await new StreamReader(context.Request.Body).ReadToEndAsync());
                break;
            default:
                // The page is loaded, and the browser leaves, when the last of its resources is there.
                await Task.WhenAny(_result.Task, Task.Delay(Timeout.Infinite, context.RequestAborted));
                context.Response.StatusCode = 204;
                break;
        }
    }
}

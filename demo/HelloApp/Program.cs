using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;

// The app behind hello.localhost in `make run`: one page that shows what a proxy has to get right,
// namely the forwarded fields, an upgraded connection and a response that never ends.

string[] forwardedFields = ["Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP"];
var page = ReadPage();

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
// Open streams end by themselves at shutdown; this bounds a client that does not take part.
builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));

await using var app = builder.Build();
app.UseWebSockets();
app.MapGet("/", ShowRequest);
app.MapGet("/echo", EchoMessages);
app.MapGet("/clock", SendTime);

try
{
    await app.StartAsync();
}
catch (IOException error)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}

// scripts/run.sh waits for this line, and takes the port from it.
Console.WriteLine($"listening on {string.Join(' ', app.Urls)}");
await app.WaitForShutdownAsync();
return 0;

static string ReadPage()
{
    using var resource = typeof(Program).Assembly.GetManifestResourceStream("Page.html")!;
    using var reader = new StreamReader(resource);
    return reader.ReadToEnd();
}

IResult ShowRequest(HttpContext context)
{
    var fields = context.Request.Headers;
    var others = fields.Select(field => field.Key).Except(forwardedFields, StringComparer.OrdinalIgnoreCase).Order();
    var html = page
        .Replace("{route}", Encode(DescribeRoute(context)))
        .Replace("{forwarded}", WriteRows(fields, forwardedFields))
        .Replace("{others}", WriteRows(fields, others));
    // Another visit may come another way: the page is only ever true for its own request.
    context.Response.Headers.CacheControl = "no-store";
    return Results.Content(html, "text/html; charset=utf-8");
}

static string DescribeRoute(HttpContext context)
{
    var port = context.Connection.LocalPort.ToString(CultureInfo.InvariantCulture);
    return context.Request.Headers.ContainsKey("X-Forwarded-For")
        ? $"{context.Request.Host} → hotcore → this app on port {port}"
        : $"You came straight to the app's port {port}. Come through hotcore to see what it adds.";
}

static string WriteRows(IHeaderDictionary fields, IEnumerable<string> names)
{
    var rows = new StringBuilder();
    foreach (var name in names)
    {
        var value = fields.TryGetValue(name, out var values)
            ? $"<td>{Encode(values.ToString())}</td>"
            : "<td class=\"absent\">not sent</td>";
        rows.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Encode(name)}</th>{value}</tr>\n");
    }
    return rows.ToString();
}

// Braces too: what a request carries must not pass for one of the page's own {places}.
static string Encode(string text) => WebUtility.HtmlEncode(text).Replace("{", "&#123;");

async Task EchoMessages(HttpContext context)
{
    if (!context.WebSockets.IsWebSocketRequest)
    {
        context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
        context.Response.Headers.Upgrade = "websocket";
        return;
    }
    using var ended = EndOfStream(context);
    using var socket = await context.WebSockets.AcceptWebSocketAsync();
    try
    {
        await Echo(socket, ended.Token);
    }
    catch (Exception error) when (error is OperationCanceledException or WebSocketException)
    {
        // The client went without a goodbye, or the app is stopping: either way nobody is left to tell.
    }
}

static async Task Echo(WebSocket socket, CancellationToken ended)
{
    var buffer = new byte[16 * 1024];
    while (true)
    {
        var received = await socket.ReceiveAsync(buffer.AsMemory(), ended);
        if (received.MessageType == WebSocketMessageType.Close)
        {
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ended);
            return;
        }
        // Piece by piece: a message of any size needs no more than the buffer.
        await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, ended);
    }
}

async Task SendTime(HttpContext context)
{
    using var ended = EndOfStream(context);
    using var everySecond = new PeriodicTimer(TimeSpan.FromSeconds(1));
    context.Response.ContentType = "text/event-stream";
    context.Response.Headers.CacheControl = "no-store";
    try
    {
        do
        {
            await context.Response.WriteAsync($"data: {DateTimeOffset.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ}\n\n", ended.Token);
            await context.Response.Body.FlushAsync(ended.Token);
        }
        while (await everySecond.WaitForNextTickAsync(ended.Token));
    }
    catch (OperationCanceledException)
    {
        // The client went, or the app is stopping.
    }
}

CancellationTokenSource EndOfStream(HttpContext context) =>
    CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, app.Lifetime.ApplicationStopping);

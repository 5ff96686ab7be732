using System.Diagnostics;
using System.Net;

namespace Hotcore.EndToEndTests.Harness;

/// <summary>Downloads and uploads that last as long as a load, and are whole in the end.</summary>
public sealed class LoadTransfers(LoadSite site, LoadWorkers workers)
{
    private const int BytesPerWrite = 10_000;

    /// <summary>What is left of a download takes as long as this at least, however little it is.</summary>
    private static readonly TimeSpan LeastLeft = TimeSpan.FromSeconds(100);

    /// <summary>
    /// Reads at a pace for as long as the load lasts, and what is left then as fast as it can. The pace slackens towards the end,
    /// which is so never reached before the load's, on however slow a machine.
    /// </summary>
    public void BeginDownload(string kind, Version version, long lengthBytes, int bytesPerSecond) => workers.Do(kind, async () =>
    {
        using var client = NewClient();
        using var request = LoadSite.Request(HttpMethod.Get, $"/download?{lengthBytes}", isTls: true, version);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal((HttpStatusCode.OK, lengthBytes), (response.StatusCode, response.Content.Headers.ContentLength));
        await using var body = await response.Content.ReadAsStreamAsync();
        var started = Stopwatch.StartNew();
        var due = TimeSpan.Zero;
        var buffer = new byte[BytePattern.MostBytes];
        long at = 0;
        for (int read; ; at += read, workers.Record.Count(kind))
        {
            var pace = Math.Clamp((lengthBytes - at) / LeastLeft.TotalSeconds, 1, bytesPerSecond);
            var most = workers.HasEnded ? buffer.Length : (int)Math.Min(pace, buffer.Length);
            if ((read = await body.ReadAsync(buffer.AsMemory(0, most))) == 0)
                break;
            BytePattern.Expect(at, buffer.AsSpan(0, read));
            due += TimeSpan.FromSeconds(read / pace);
            await workers.Pause(due - started.Elapsed);
        }
        Assert.Equal(lengthBytes, at);
    });

    /// <summary>Writes for as long as the load lasts.</summary>
    public void BeginUpload(string kind, bool isTls, Version version, int bytesPerSecond) => workers.Do(kind, async () =>
    {
        using var client = NewClient();
        using var request = LoadSite.Request(HttpMethod.Post, "/upload", isTls, version);
        long at = 0;
        request.Content = new WrittenContent(async body =>
        {
            for (; !workers.HasEnded; at += BytesPerWrite, workers.Record.Count(kind))
            {
                await body.WriteAsync(BytePattern.At(at, BytesPerWrite));
                await body.FlushAsync();
                await workers.Pause(TimeSpan.FromSeconds((double)BytesPerWrite / bytesPerSecond));
            }
        });
        using var response = await client.SendAsync(request);
        Assert.Equal((HttpStatusCode.OK, $"{at}"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
    });

    private HttpClient NewClient() => new(site.Handler()) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>A body whose length is known at its end.</summary>
    private sealed class WrittenContent(Func<Stream, Task> write) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

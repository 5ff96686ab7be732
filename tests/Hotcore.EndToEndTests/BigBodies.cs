using System.Net.Sockets;

namespace Hotcore.EndToEndTests;

/// <summary>Bodies of 5 GB, both ways, while hotcore's memory stays under 80 MB.</summary>
[Collection(nameof(Alone))]
[Trait("Category", "Big")]
public class BigBodies(SharedHotcore shared) : HotcoreTest(shared)
{
    private const long Length = 5_000_000_000;
    private const long MostMemory = 80_000_000;

    /// <summary>Repeated over the whole body. A prime number of bytes: a block that is lost or swapped shows.</summary>
    private static readonly byte[] Pattern = MakePattern(1_048_573);

    [Fact]
    public async Task A_download_of_5_GB_arrives_byte_for_byte_within_80_MB_of_memory()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            await connection.ExpectRequest();
            await connection.Send($"HTTP/1.1 200 OK\r\nContent-Length: {Length}\r\n\r\n");
            await Task.Run(() => SendPattern(connection.Socket));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        client.Reader.IsRecording = false;
        Memory.ForgetPeak(Hotcore.ProcessId);

        await client.Send($"GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n");
        var body = client.BodyOf(await client.ReadHead());
        await ExpectPattern(body);

        Assert.InRange(Memory.PeakRssBytes(Hotcore.ProcessId), 1, MostMemory);
    }

    [Fact]
    public async Task An_upload_of_5_GB_arrives_byte_for_byte_within_80_MB_of_memory()
    {
        await using var upstream = TestUpstream.Serving(async connection =>
        {
            connection.Reader.IsRecording = false;
            await ExpectPattern(connection.BodyOf(await connection.ExpectHead()));
            await connection.Send(Answers.Ok("all there"));
        });
        var domain = await Hotcore.AddNewDomain(upstream.Port);
        await using var client = await Hotcore.Connect();
        Memory.ForgetPeak(Hotcore.ProcessId);

        await client.Send($"POST / HTTP/1.1\r\nHost: {domain}\r\nContent-Length: {Length}\r\n\r\n");
        await Task.Run(() => SendPattern(client.Socket));

        Assert.Equal("all there", (await client.Read()).Text);
        Assert.InRange(Memory.PeakRssBytes(Hotcore.ProcessId), 1, MostMemory);
    }

    private static byte[] MakePattern(int length)
    {
        var pattern = new byte[length];
        new Random(6).NextBytes(pattern);
        return pattern;
    }

    private static void SendPattern(Socket socket)
    {
        for (var sent = 0L; sent < Length;)
        {
            var at = (int)(sent % Pattern.Length);
            sent += socket.Send(Pattern.AsSpan(at, (int)Math.Min(Pattern.Length - at, Length - sent)));
        }
    }

    private static async Task ExpectPattern(IncomingBody body)
    {
        var received = 0L;
        var buffer = new byte[262_144];
        for (int read; (read = await body.Read(buffer)) > 0; received += read)
        {
            for (var compared = 0; compared < read;)
            {
                var at = (int)((received + compared) % Pattern.Length);
                var count = Math.Min(read - compared, Pattern.Length - at);
                if (!buffer.AsSpan(compared, count).SequenceEqual(Pattern.AsSpan(at, count)))
                    throw new MalformedMessageException($"the body differs behind byte {received + compared}");
                compared += count;
            }
        }
        Assert.Equal(Length, received);
    }
}

namespace Hotcore.EndToEndTests;

/// <summary>At SIGTERM what is in flight is finished, by every protocol.</summary>
public class Http2MatrixDrain
{
    [Theory]
    [MemberData(nameof(Pair.All), MemberType = typeof(Pair))]
    public async Task What_is_in_flight_is_finished_after_SIGTERM(ClientKind client, UpstreamKind upstream)
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var pair = await Pair.Open(hotcore, client, upstream);
        var (asked, accepted) = await pair.BeginAndAccept();
        await asked.Send("hello"u8.ToArray());
        Assert.Equal("hello"u8.ToArray(), await accepted.ReadExactly(5));

        hotcore.Signal(ChildProcess.Terminate);
        await hotcore.UntilConnectionsAreRefused();
        await asked.Send("world"u8.ToArray());
        await asked.End();
        Assert.Equal("world"u8.ToArray(), await accepted.ReadBody());
        await accepted.SendHead();
        Assert.Equal(200, await asked.ReadStatus());
        await accepted.Send("good"u8.ToArray());
        Assert.Equal("good"u8.ToArray(), await asked.ReadExactly(4));
        await accepted.Send("bye"u8.ToArray());
        await accepted.End(("X-Last", "word"));

        Assert.Equal("bye"u8.ToArray(), await asked.ReadBody());
        Assert.Equal("word", asked.Trailers["X-Last"]);
        // Far less than the 30 s that what is in flight would have: nothing is any more.
        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_idle_connection_does_not_hold_up_the_stop(bool isTls)
    {
        await using var hotcore = await RunningHotcore.Start();
        await using var pair = await Pair.Open(
            hotcore, isTls ? ClientKind.Http2OverTls : ClientKind.Http2, UpstreamKind.Http2);
        await pair.ExpectToWork();

        hotcore.Signal(ChildProcess.Terminate);

        Assert.Equal(0, await hotcore.WaitForExit(TimeSpan.FromSeconds(20)));
    }
}
